"""The ledger's database, whichever kind it is, and its writing end, which is opened anew after every fault."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from line_inspector.errors import InputError
from line_inspector.records.chain import CHALLENGE_FIELDS, PART_FIELDS, chained, head_of
from line_inspector.records.migration import bring_up_to_date
from line_inspector.records.postgresql_server import PostgresqlServer
from line_inspector.records.schema import archive_files, challenges, parts
from line_inspector.records.sqlite_file import SqliteFile

Rows = list[dict[str, Any]]
Store = SqliteFile | PostgresqlServer


class Vanished(Exception):
    """The database file was removed or replaced while it was open: what is written to it now would be lost."""


class WritingDatabase:
    """The writing end, for one thread at a time. Raises InputError for a URL that names no ledger."""

    def __init__(self, url: str) -> None:
        self.store = store_of(url)
        self._engine = self.store.writing_engine()
        self._connection: Connection | None = None

    def open(self) -> Connection:
        """Connects and makes sure of the tables. Raises InputError (not a ledger), SQLAlchemyError, OSError."""
        if self._connection:
            return self._connection
        self.store.make_place()
        with ExitStack() as undo:
            connection = undo.enter_context(self._engine.connect())
            self.store.prepare(connection)
            bring_up_to_date(connection, self.store)
            self._connection = connection
            undo.pop_all()
        return connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that no other writer is in, committed at the end. Raises as `open`, and Vanished.

        After any failure nothing of it is in the ledger, or, where the connection was lost in the commit, perhaps all.
        The connection is closed then, and the next transaction opens it anew.
        """
        connection = self.open()
        with ExitStack() as undo:
            undo.callback(self.close)
            self.store.begin(connection)
            yield connection
            connection.commit()
            if self.store.is_replaced():
                raise Vanished("its file was removed or replaced")
            undo.pop_all()

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        """Reads, in nobody's way. Raises as `open`; after any failure the connection is opened anew."""
        connection = self.open()
        with ExitStack() as undo:
            undo.callback(self.close)
            yield connection
            connection.rollback()
            undo.pop_all()

    def close(self) -> None:
        """Closes the connection; SQLite then folds its write-ahead log into the file."""
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


def append_parts(connection: Connection, rows: Rows) -> None:
    """Appends the rows to the chain of parts, in a transaction; parts that are there already are left as they are."""
    fresh = _not_there(connection, parts, rows)
    if fresh:
        connection.execute(parts.insert(), list(chained(fresh, head_of(connection, parts), PART_FIELDS)))


def append_challenges(connection: Connection, rows: Rows) -> None:
    """Appends the rows to the chain of challenges, in a transaction; those that are there are left as they are."""
    fresh = _not_there(connection, challenges, rows)
    if fresh:
        connection.execute(challenges.insert(), list(chained(fresh, head_of(connection, challenges), CHALLENGE_FIELDS)))


def append_images(connection: Connection, rows: Rows) -> None:
    """Notes images, in a transaction; those of parts that have one already are left out."""
    fresh = _not_there(connection, archive_files, rows)
    if fresh:
        connection.execute(archive_files.insert(), fresh)


def store_of(url: str) -> Store:
    """The database that the URL names. Raises InputError for one that cannot be a ledger; shows no password."""
    remedy = "Use a file name, sqlite:////folder/ledger.sqlite, or postgresql+psycopg://user@host/database"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as e:
        raise InputError("not a database URL", f"{url.partition('://')[0]}://...", remedy) from e
    if parsed.get_backend_name() == "sqlite":
        return SqliteFile(parsed)
    if parsed.drivername == "postgresql+psycopg" and parsed.database:
        return PostgresqlServer(parsed)
    shown = parsed.set(query={}).render_as_string(hide_password=True)
    raise InputError("the ledger must be an SQLite file or a PostgreSQL database", shown, remedy)


def is_transient(store: Store, error: SQLAlchemyError) -> bool:
    """Whether the same may succeed later."""
    return isinstance(error, DBAPIError) and store.is_transient(error)


def plain_text(error: Exception) -> str:
    """The database's own words in one line, without SQLAlchemy's listing of statement and rows."""
    return " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())


def _not_there(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> Rows:
    """One row for each part that the table does not have yet: the first of those with its id."""
    by_id: dict[str, dict[str, Any]] = {}
    for row in rows:
        by_id.setdefault(row["part_id"], row)
    if not by_id:
        return []
    known = set(connection.execute(_known_of(table), {"part_ids": list(by_id)}).scalars())
    return [row for part_id, row in by_id.items() if part_id not in known]


@cache  # of three tables: to build the statement takes longer than to run it
def _known_of(table: Table) -> Select[Any]:
    return select(table.c.part_id).where(table.c.part_id.in_(bindparam("part_ids", expanding=True)))
