"""Tables of the ledger: one row per part, where the archived images of some of them lie, and who changed what.

How a database comes to have them stands in `line_inspector/records/migrations/`; a test keeps the two equal.
"""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table

from line_inspector.challenge_record import ChallengeOutcome, ChallengeRecord
from line_inspector.part_record import PartRecord, Reason
from line_inspector.records.typed_row import typed

SCHEMA_VERSION = "0004"  # the newest migration
HASH_LENGTH = 64

metadata = MetaData()

parts = Table(
    "parts",
    metadata,
    Column("part_id", String, primary_key=True),
    Column("camera", String, nullable=False),
    Column("trigger_wall_ns", BigInteger, nullable=False),
    Column("trigger_ns", BigInteger, nullable=False),
    Column("captured_ns", BigInteger),
    Column("inference_start_ns", BigInteger),
    Column("inference_end_ns", BigInteger),
    Column("verdict_ns", BigInteger),
    Column("decided_ns", BigInteger, nullable=False),
    Column("deadline_ns", BigInteger, nullable=False),
    Column("gate_ns", BigInteger, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("reason", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("score", Float),
    Column("threshold", Float),
    Column("model_version", String, nullable=False),
    Column("fingerprint", BigInteger),
    Column("views", String),  # JSON array of what each camera saw, where several see the part; else NULL
    Column("number", BigInteger),  # place in the chain from 1 on; NULL in rows from before there was one
    Column("hash", String(HASH_LENGTH)),  # of this row and the hash before it
    Index("parts_by_time", "trigger_wall_ns"),
    Index("parts_by_number", "number", unique=True),
)

archive_files = Table(
    "archive_files",
    metadata,
    Column("part_id", String, primary_key=True),
    Column("image_path", String, nullable=False),  # from the archive's folder, so that the archive can move
    Column("heat_path", String),
    Column("trigger_wall_ns", BigInteger),  # as in parts: what is to go first is found by an index
    Column("accepted", Boolean),
    Column("size_bytes", BigInteger),  # both files; NULL until somebody has looked
    Column("retired_wall_ns", BigInteger),  # when its files were given up; NULL: they are there
    Column("retired_why", String),
    Column("removed", Boolean, nullable=False, server_default="0"),  # retired, and the files are gone
    Index("archive_files_by_age", "removed", "accepted", "trigger_wall_ns"),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("key", String, nullable=False, unique=True),  # one change, one row, however often it is handed over
    Column("at_wall_ns", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("old", String, nullable=False),
    Column("new", String, nullable=False),
    Column("hash", String(HASH_LENGTH), nullable=False),
)

challenges = Table(
    "challenges",
    metadata,
    Column("part_id", String, primary_key=True),
    Column("camera", String, nullable=False),
    Column("frame", String, nullable=False),
    Column("cause", String, nullable=False),
    Column("asked_wall_ns", BigInteger, nullable=False),
    Column("decided_wall_ns", BigInteger, nullable=False),
    Column("outcome", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("score", Float),
    Column("threshold", Float),
    Column("model_version", String, nullable=False),
    Column("fingerprint", BigInteger),
    Column("number", BigInteger, nullable=False),  # place in the chain from 1 on
    Column("hash", String(HASH_LENGTH), nullable=False),
    Index("challenges_by_time", "decided_wall_ns"),
    Index("challenges_by_number", "number", unique=True),
)

CHALLENGE_COLUMNS = [challenges.c[name] for name in ChallengeRecord.__struct_fields__]
RECORD_COLUMNS = [parts.c[name] for name in PartRecord.__struct_fields__]


def within_int64(value: int) -> int:
    """The value, or the nearest that a signed integer of 64 bits can hold."""
    return min(max(value, -(2**63)), 2**63 - 1)


def row_of(record: PartRecord | ChallengeRecord) -> dict[str, Any]:
    """The record's columns, as every database gives them back.

    An integer beyond 64 bits becomes the nearest within, NaN becomes None, and a NUL in a text, which PostgreSQL does
    not take, the character that shows one (U+2400).
    """
    row = {name: storable(value) for name, value in msgspec.structs.asdict(record).items()}
    if isinstance(record, PartRecord):
        row["views"] = row["views"] or None
    return row


def record_of(row: Mapping[Any, Any]) -> PartRecord:
    """The record in a row that has RECORD_COLUMNS. Raises InputError for one that nobody can have written so."""
    values = [row[name] for name in PartRecord.__struct_fields__[:-1]]
    return typed([*values, "" if row["views"] is None else row["views"]], PartRecord, f"part {row['part_id']}")


def challenge_of(row: Mapping[Any, Any]) -> ChallengeRecord:
    """The challenge in a row that has CHALLENGE_COLUMNS. Raises InputError as `record_of` does."""
    values = {name: row[name] for name in ChallengeRecord.__struct_fields__}
    return typed(values, ChallengeRecord, f"challenge {row['part_id']}")


def storable(value: Any) -> Any:
    """The value as `row_of` writes it."""
    if isinstance(value, (Reason, ChallengeOutcome)):
        return value.value
    if isinstance(value, str):
        return value.replace("\0", "\u2400")
    if isinstance(value, float):
        return None if math.isnan(value) else value + 0.0  # SQLite gives -0.0 back as 0.0
    if isinstance(value, int) and not isinstance(value, bool):
        return within_int64(value)
    return value
