"""Brings a ledger's tables up to date, under the writers' lock and in one transaction: all of it, or nothing."""

from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, func, inspect, select, text

from line_inspector.errors import InputError
from line_inspector.records.audit import append_changes, change
from line_inspector.records.schema import SCHEMA_VERSION, metadata, parts

VERSION_TABLE = "alembic_version"
CHAINED_SINCE = "0002"
SCRIPTS = Path(__file__).parent / "migrations"


class Lockable(Protocol):
    """What is needed of a database here."""

    @property
    def shown(self) -> str:
        """Its name for people."""

    def begin(self, connection: Connection) -> None:
        """Begins a transaction that no other writer is in."""


def bring_up_to_date(connection: Connection, store: Lockable) -> None:
    """Migrates an older or empty database and puts that on record. Raises InputError for one that is no ledger of ours.

    That is another program's, one that a newer version of this program has written, or one with other columns.
    """
    if version_of(connection) == SCHEMA_VERSION:
        connection.rollback()
        return
    store.begin(connection)
    found = version_of(connection)  # once more, now that nobody else can change it
    if found != SCHEMA_VERSION:
        _refuse_foreign(connection, found, store.shown)
        _migrate(connection, found, store.shown)
    connection.commit()


def version_of(connection: Connection) -> str | None:
    """The schema's version; None before the first migration, for a ledger from before, and for no ledger."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return version


def refuse_newer(version: str | None, where: str) -> None:
    """Raises InputError for a version that this program does not know."""
    if version is not None and version > SCHEMA_VERSION:
        what = f"was written by a newer version of Line Inspector (schema {version}, this one knows {SCHEMA_VERSION})"
        raise InputError(what, where, "Update Line Inspector, or name another ledger in records.ledger")


def _refuse_foreign(connection: Connection, version: str | None, where: str) -> None:
    refuse_newer(version, where)
    tables = set(inspect(connection).get_table_names())
    if tables and not tables & {*metadata.tables, VERSION_TABLE}:
        raise InputError("holds another program's tables", where, "Name another database in records.ledger")
    if parts.name in tables and version is None:
        columns = {column["name"] for column in inspect(connection).get_columns(parts.name)}
        _refuse_columns(columns ^ (set(parts.columns.keys()) - {"number", "hash", "views"}), parts.name, where)


def _migrate(connection: Connection, found: str | None, where: str) -> None:
    from alembic import command
    from alembic.config import Config

    older = inspect(connection).has_table(parts.name)
    unchained = _unchained(connection, found) if older else 0
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    command.upgrade(config, "head")
    for name, table in metadata.tables.items():
        columns = {column["name"] for column in inspect(connection).get_columns(name)}
        _refuse_columns(columns ^ set(table.columns.keys()), name, where)
    new = f"{SCHEMA_VERSION}, {unchained} parts from before the chain"
    append_changes(connection, [change("ledger.migrate", "schema", found or "none", new)])


def _unchained(connection: Connection, version: str | None) -> int:
    rows = select(func.count()).select_from(text(parts.name))
    since = rows if version is None or version < CHAINED_SINCE else rows.where(text("number IS NULL"))
    return connection.execute(since).scalar() or 0


def _refuse_columns(differing: set[str], table: str, where: str) -> None:
    if differing:
        what = f"table {table} has another schema (columns {', '.join(sorted(differing))} differ)"
        raise InputError(what, where, "Move it away, or use the version of Line Inspector that wrote it")
