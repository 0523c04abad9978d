"""Tables of the ledger: one row per part, and where the archived images of some of them lie."""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Insert,
    MetaData,
    RowMapping,
    String,
    Table,
    inspect,
)
from sqlalchemy.dialects import sqlite

from line_inspector.errors import InputError
from line_inspector.messages import PartRecord, Reason

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
    Index("parts_by_time", "trigger_wall_ns"),
)

archive_files = Table(
    "archive_files",
    metadata,
    Column("part_id", String, primary_key=True),
    Column("image_path", String, nullable=False),  # from the archive's folder, so that the archive can move
    Column("heat_path", String),
)


def insert_once(table: Table) -> Insert:
    """Inserts rows whose part is not there yet and leaves the others as they are. The one SQLite-specific statement.

    Not "insert or ignore": that would also swallow a missing value.
    """
    return sqlite.insert(table).on_conflict_do_nothing(index_elements=["part_id"])


def within_int64(value: int) -> int:
    """The value, or the nearest that a signed integer of 64 bits can hold."""
    return min(max(value, -(2**63)), 2**63 - 1)


def row_of(record: PartRecord) -> dict[str, Any]:
    """The record's columns. An integer beyond 64 bits becomes the nearest within; SQLite stores NaN as NULL."""
    return {name: _storable(value) for name, value in msgspec.structs.asdict(record).items()}


def record_of(row: RowMapping) -> PartRecord:
    """The record in a row of `parts`."""
    return PartRecord(**{**row, "reason": Reason(row["reason"])})


def require_tables(connection: Connection, where: str) -> None:
    """Creates the tables where they are missing. Raises InputError when the database is somebody else's."""
    found = set(inspect(connection).get_table_names())
    ours = found & set(metadata.tables)
    if found and not ours:
        raise InputError("holds another program's tables", where, "Name another file in records.ledger")
    for name in sorted(ours):
        columns = {column["name"] for column in inspect(connection).get_columns(name)}
        differing = columns ^ set(metadata.tables[name].columns.keys())
        if differing:
            what = f"table {name} has another schema (columns {', '.join(sorted(differing))} differ)"
            raise InputError(what, where, "Move the file away, or use the version of Line Inspector that wrote it")
    metadata.create_all(connection)
    connection.commit()


def _storable(value: Any) -> Any:
    if isinstance(value, Reason):
        return value.value
    if isinstance(value, int) and not isinstance(value, bool):
        return within_int64(value)
    return value
