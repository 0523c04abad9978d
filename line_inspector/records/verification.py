"""Whether a ledger is as it was written: both hash chains, what the rows say of each other, and the archived files."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, RowMapping, Select, and_, exists, func, not_, or_, select

from line_inspector.challenge_record import ChallengeOutcome
from line_inspector.part_record import Reason
from line_inspector.records.archive_name import foreign_name
from line_inspector.records.chain import AUDIT_FIELDS, CHALLENGE_FIELDS, PART_FIELDS, ChainWalk
from line_inspector.records.reading import reading
from line_inspector.records.schema import archive_files, audit, challenges, parts

MIGRATION = "ledger.migrate"
RETIREMENT = "archive.retire"
UNCHAINED_WORDS = " parts from before the chain"


@dataclass(frozen=True)
class Verification:
    """`faults` names the first broken row of each kind, and is empty for a ledger that holds.

    `audit_rows` and `chained_parts` are the rows that hold, `audit_head` and `parts_head` the hashes of the last of
    them: noted elsewhere, they are what a later verification can be held against. `unchained_parts` are from before
    there was a chain, and only counted.
    """

    faults: list[str]
    audit_rows: int
    audit_head: str
    chained_parts: int
    parts_head: str
    unchained_parts: int
    challenges: int
    challenges_head: str


def verify(ledger_url: str, archive_dir: Path, noted_heads: Collection[str] = ()) -> Verification:
    """Reads the whole ledger, also while the line runs. Raises InputError as `read_parts` does.

    Each of `noted_heads` must still be in one of the chains: so it shows when rows were cut off at the end.
    """
    with reading(ledger_url) as connection:
        audit_walk = ChainWalk(AUDIT_FIELDS, "action", noted_heads)
        audit_walk.along(connection.execute(select(audit).order_by(audit.c.number)).mappings())
        parts_walk = ChainWalk(PART_FIELDS, "part_id", noted_heads)
        chain = select(parts).where(parts.c.number.is_not(None)).order_by(parts.c.number)
        parts_walk.along(connection.execution_options(yield_per=1000).execute(chain).mappings())
        unchained = connection.execute(select(func.count()).where(parts.c.number.is_(None))).scalar_one()
        challenge_walk = ChainWalk(CHALLENGE_FIELDS, "part_id", noted_heads)
        challenge_walk.along(connection.execute(select(challenges).order_by(challenges.c.number)).mappings())
        walks = {"audit": audit_walk, "parts": parts_walk, "challenges": challenge_walk}
        faults = [f"{name}: {walk.fault}" for name, walk in walks.items() if walk.fault]
        lost = sorted(set(noted_heads).difference(*(walk.met for walk in walks.values())))
        faults += [f"no row has the noted head {head}: rows were cut off, or the chain made anew" for head in lost]
        faults += [*_unchained_faults(connection, unchained), *_part_faults(connection)]
        faults += _challenge_faults(connection)
        faults += [*_image_faults(connection, archive_dir), *_retirement_faults(connection)]
    heads = (audit_walk.count, audit_walk.head, parts_walk.count, parts_walk.head)
    return Verification(faults, *heads, unchained, challenge_walk.count, challenge_walk.head)


def _unchained_faults(connection: Connection, unchained: int) -> Iterator[str]:
    """Parts from before the chain carry no hash, but the audit table says how many there were."""
    query = select(audit.c.new).where(audit.c.action == MIGRATION, audit.c.new.like(f"%{UNCHAINED_WORDS}"))
    said = connection.execute(query.order_by(audit.c.number)).scalar()
    number = str(said).removesuffix(UNCHAINED_WORDS).rpartition(" ")[2] if said else "0"
    expected = int(number) if number.isdecimal() else number  # of a changed row, which its chain names
    if unchained != expected:
        yield f"parts: {unchained} are outside the chain, the audit table says {expected}"


def _part_faults(connection: Connection) -> Iterator[str]:
    """What no decision of this program can say of a part, whatever its hash."""
    accepted = parts.c.accepted
    good = parts.c.reason == Reason.GOOD.value
    verdict = and_(
        parts.c.score < parts.c.threshold, parts.c.fingerprint.is_not(None), parts.c.model_version != "", accepted
    )
    impossible = (
        (accepted != good, "is accepted for another reason than good, or rejected as good"),
        (and_(accepted, not_(func.coalesce(verdict, False))), "is accepted without a verdict below the threshold"),
        (and_(accepted, parts.c.decided_ns > parts.c.deadline_ns), "is accepted after its deadline"),
    )
    for condition, words in impossible:
        part_id = connection.execute(select(parts.c.part_id).where(condition).limit(1)).scalar()
        if part_id is not None:
            yield f"parts: part {part_id} {words}"


def _challenge_faults(connection: Connection) -> Iterator[str]:
    """A challenge is none of the parts, and its outcome follows from its reason."""
    as_part = select(parts.c.part_id).where(parts.c.part_id.in_(select(challenges.c.part_id))).limit(1)
    part_id = connection.execute(as_part).scalar()
    if part_id is not None:
        yield f"challenges: {part_id} is counted as a part, too"
    passed, missed = (
        (challenges.c.outcome == outcome.value) != (challenges.c.reason == reason.value)
        for outcome, reason in ((ChallengeOutcome.PASSED, Reason.ANOMALY), (ChallengeOutcome.MISSED, Reason.GOOD))
    )
    part_id = connection.execute(select(challenges.c.part_id).where(or_(passed, missed)).limit(1)).scalar()
    if part_id is not None:
        yield f"challenges: {part_id} has an outcome that does not follow from its reason"


def _image_faults(connection: Connection, archive_dir: Path) -> Iterator[str]:
    """The first image without a part, and the first that the ledger points at and that is not there."""
    known = exists().where(parts.c.part_id == archive_files.c.part_id)
    stray = connection.execute(select(archive_files.c.part_id).where(not_(known)).limit(1)).scalar()
    if stray is not None:
        yield f"archive_files: there is no part {stray}"
    for row in connection.execute(select(archive_files)).mappings():
        name = foreign_name(row["image_path"], row["heat_path"])
        if name is not None:
            yield f"archive_files: {name!r} of part {row['part_id']} is no file of the archive"
            break
    query = select(archive_files).where(archive_files.c.retired_wall_ns.is_(None))
    for row in connection.execute(query).mappings():
        path = _missing_file(row, archive_dir)
        if path and not _retired_since(connection, row["part_id"]):
            yield f"archive_files: {path} of part {row['part_id']} is missing, and the ledger does not call it retired"
            return


def _missing_file(row: RowMapping, archive_dir: Path) -> Path | None:
    names = (row["image_path"], row["heat_path"])
    paths = (archive_dir / name for name in names if name and foreign_name(name) is None)
    return next((path for path in paths if not path.is_file()), None)


def _retired_since(connection: Connection, part_id: str) -> bool:
    """Whether retention took it while we were reading; asked in a transaction of its own."""
    query: Select[tuple[int]] = select(archive_files.c.retired_wall_ns).where(archive_files.c.part_id == part_id)
    with connection.engine.connect() as another:
        return another.execute(query).scalar() is not None


def _retirement_faults(connection: Connection) -> Iterator[str]:
    """Images are retired in groups, each with a row in the audit table: the first group without, and such a row alone.

    The line may retire more meanwhile: a group is held against what is said after it was read, and the reverse.
    """
    table = archive_files.c
    grouped = select(func.min(table.part_id), func.count(), table.retired_why)
    grouped = grouped.where(table.retired_wall_ns.is_not(None)).group_by(table.retired_wall_ns, table.retired_why)
    said_before = _retirements(connection)
    groups = connection.execute(grouped.order_by(table.retired_wall_ns)).all()
    said = _retirements(connection)
    for part_id, count, why in groups:
        key = (f"{count} images", why)
        if not said[key]:
            yield f"archive_files: {count} with part {part_id} are called retired ({why}), and no audit row says so"
            break
        said[key] -= 1
    found = Counter((f"{count} images", why) for _, count, why in groups)
    for subject, why in said_before - found:
        yield f"archive_files: the audit table says that {subject} were retired ({why}), and the rows do not"
        break


def _retirements(connection: Connection) -> Counter[tuple[str, str]]:
    query = select(audit.c.subject, audit.c.new).where(audit.c.action == RETIREMENT)
    return Counter((subject, why) for subject, why in connection.execute(query))
