"""The ledger's reading end, for reports, the overlay and the trainer. It cannot write, and never delays the writer."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from line_inspector.challenge_record import ChallengeRecord
from line_inspector.errors import InputError
from line_inspector.part_record import PartRecord
from line_inspector.records.archive_name import is_ours
from line_inspector.records.database import Store, plain_text, store_of
from line_inspector.records.migration import refuse_newer, version_of
from line_inspector.records.schema import (
    CHALLENGE_COLUMNS,
    RECORD_COLUMNS,
    SCHEMA_VERSION,
    archive_files,
    challenge_of,
    challenges,
    parts,
    record_of,
)


def read_parts(
    ledger_url: str, since_wall_ns: int | None = None, before_wall_ns: int | None = None
) -> Iterator[PartRecord]:
    """Every part in the ledger at this moment, oldest trigger first, from a wall-clock time on and up to another.

    Raises InputError where there is no ledger, or none that can be read.
    """
    query = select(*RECORD_COLUMNS).order_by(parts.c.trigger_wall_ns)
    if since_wall_ns is not None:
        query = query.where(parts.c.trigger_wall_ns >= since_wall_ns)
    if before_wall_ns is not None:
        query = query.where(parts.c.trigger_wall_ns < before_wall_ns)
    with reading(ledger_url) as connection:
        for row in connection.execution_options(yield_per=1000).execute(query).mappings():
            yield record_of(row)


def read_challenges(
    ledger_url: str, since_wall_ns: int | None = None, before_wall_ns: int | None = None
) -> list[ChallengeRecord]:
    """Every challenge in the ledger that was decided in this time, oldest first. Raises InputError as `read_parts`."""
    query = select(*CHALLENGE_COLUMNS).order_by(challenges.c.decided_wall_ns)
    if since_wall_ns is not None:
        query = query.where(challenges.c.decided_wall_ns >= since_wall_ns)
    if before_wall_ns is not None:
        query = query.where(challenges.c.decided_wall_ns < before_wall_ns)
    with reading(ledger_url) as connection:
        return [challenge_of(row) for row in connection.execute(query).mappings()]


def good_frames(ledger_url: str, archive_dir: Path, model_versions: Collection[str], limit: int) -> list[Path]:
    """At most `limit` archived images of parts that one of these models accepted, newest first.

    The models tell products apart: ledger and archive keep the parts of every recipe that the line has run. Only files
    that are not retired, still there, and whole. Raises InputError as `read_parts` does.
    """
    query = (
        select(archive_files.c.image_path)
        .join(parts, parts.c.part_id == archive_files.c.part_id)
        .where(parts.c.accepted, parts.c.model_version.in_(model_versions), archive_files.c.retired_wall_ns.is_(None))
        .order_by(parts.c.trigger_wall_ns.desc())
    )
    found: list[Path] = []
    with reading(ledger_url) as connection:
        for image_path in connection.execution_options(yield_per=1000).execute(query).scalars():
            if len(found) == limit:
                break
            if not is_ours(image_path):  # somebody put it in: `ledger verify` names it
                continue
            path = archive_dir / image_path
            if path.is_file() and path.stat().st_size:  # a power cut may leave an empty file
                found.append(path)
    return found


@contextmanager
def reading(ledger_url: str) -> Iterator[Connection]:
    """A connection that only reads. Raises InputError where there is no ledger of this program's schema."""
    store = store_of(ledger_url)
    try:
        with store.reading_engine().connect() as connection:
            _require_ledger(connection, store)
            yield connection
    except SQLAlchemyError as e:
        raise InputError(f"cannot read the ledger ({plain_text(e)})", store.shown, store.remedy) from e


def _require_ledger(connection: Connection, store: Store) -> None:
    version = version_of(connection)
    if version == SCHEMA_VERSION:
        return
    refuse_newer(version, store.shown)
    if not inspect(connection).has_table(parts.name):
        raise InputError("is not a ledger", store.shown, "Check records.ledger; the line makes its ledger when it runs")
    what = f"is a ledger of an older version (schema {version or 'none'}, now {SCHEMA_VERSION})"
    raise InputError(what, store.shown, "Start the line once, which brings it up to date")
