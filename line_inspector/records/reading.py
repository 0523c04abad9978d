"""The ledger's reading end, for reports, the overlay and the trainer. It cannot write, and never delays the writer."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from line_inspector.errors import InputError
from line_inspector.messages import PartRecord
from line_inspector.records.database import REMEDY, file_of, plain_text, reading_engine
from line_inspector.records.schema import archive_files, parts, record_of


def read_parts(ledger_url: str, since_wall_ns: int | None = None) -> Iterator[PartRecord]:
    """Every part in the ledger at this moment, oldest trigger first, from a wall-clock time on.

    Raises InputError where there is no ledger, or none that can be read.
    """
    query = select(parts).order_by(parts.c.trigger_wall_ns)
    if since_wall_ns is not None:
        query = query.where(parts.c.trigger_wall_ns >= since_wall_ns)
    with _reading(ledger_url) as connection:
        for row in connection.execution_options(yield_per=1000).execute(query).mappings():
            yield record_of(row)


def good_frames(ledger_url: str, archive_dir: Path, model_versions: Collection[str], limit: int) -> list[Path]:
    """At most `limit` archived images of parts that one of these models accepted, newest first.

    The models tell products apart: ledger and archive keep the parts of every recipe that the line has run. Only files
    that are still there, and whole. Raises InputError as `read_parts` does.
    """
    query = (
        select(archive_files.c.image_path)
        .join(parts, parts.c.part_id == archive_files.c.part_id)
        .where(parts.c.accepted, parts.c.model_version.in_(model_versions))
        .order_by(parts.c.trigger_wall_ns.desc())
    )
    found: list[Path] = []
    with _reading(ledger_url) as connection:
        for image_path in connection.execution_options(yield_per=1000).execute(query).scalars():
            path = archive_dir / image_path
            if len(found) == limit:
                break
            if path.is_file() and path.stat().st_size:  # a power cut may leave an empty file
                found.append(path)
    return found


@contextmanager
def _reading(ledger_url: str) -> Iterator[Connection]:
    try:
        with reading_engine(ledger_url).connect() as connection:
            if not inspect(connection).has_table(parts.name):
                raise InputError("is not a ledger", str(file_of(ledger_url)), "Check records.ledger")
            yield connection
    except SQLAlchemyError as e:
        raise InputError(f"cannot read the ledger ({plain_text(e)})", str(file_of(ledger_url)), REMEDY) from e
