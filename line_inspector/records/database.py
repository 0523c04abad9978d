"""Connections to the ledger's database: one that writes and is opened anew after every fault, one that only reads.

The writer runs SQLite in WAL mode, so that reading never waits for writing, with synchronous FULL: a commit releases
capture from announcing the part again, so it must survive a power cut. That costs one fsync per group of parts, in
the ledger's own thread, where no decision waits for it.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from line_inspector.errors import InputError
from line_inspector.records.schema import archive_files, insert_once, parts, require_tables

BUSY_TIMEOUT_S = 1.0
TRANSIENT_SQLITE_ERRORS = frozenset({5, 6, 10, 13})  # busy, locked, input/output error, full
REMEDY = "Check records.ledger, the folder's permissions and the disk"

Rows = list[dict[str, Any]]


class Vanished(Exception):
    """The database file was removed or replaced while it was open: what is written to it now would be lost."""


class WritingDatabase:
    """The writing end, for one thread at a time."""

    def __init__(self, url: str) -> None:
        self.path = file_of(url)
        self._engine = create_engine(
            make_url(url), poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
        )
        self._connection: Connection | None = None
        self._identity: tuple[int, int] | None = None

    def open(self) -> Connection:
        """Connects and makes sure of the tables. Raises InputError (not a ledger), SQLAlchemyError, OSError."""
        if self._connection:
            return self._connection
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as undo:
            connection = undo.enter_context(self._engine.connect())
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.exec_driver_sql("PRAGMA synchronous=FULL")
            connection.commit()
            require_tables(connection, str(self.path))
            self._identity = self._identify()
            self._connection = connection
            undo.pop_all()
        return connection

    def write(self, part_rows: Rows, image_rows: Rows) -> None:
        """Commits the rows as one transaction; rows that are there already are left. Raises as `open`, and Vanished.

        After any failure the connection is closed, the next call opens it anew, and the same rows may be given again.
        """
        connection = self.open()
        with ExitStack() as undo:
            undo.callback(self.close)
            for table, rows in ((parts, part_rows), (archive_files, image_rows)):
                if rows:
                    connection.execute(insert_once(table), rows)
            connection.commit()
            if self._identify() != self._identity:
                raise Vanished("its file was removed or replaced")
            undo.pop_all()

    def close(self) -> None:
        """Closes the connection; SQLite then folds its write-ahead log into the file."""
        connection, self._connection = self._connection, None
        if connection:
            connection.close()

    def _identify(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino


def reading_engine(url: str) -> Engine:
    """An engine that can only read, also while the line writes. Raises InputError when there is no ledger yet."""
    path = file_of(url)
    if not path.is_file():
        raise InputError("there is no ledger yet", str(path), "Run the line first, or check records.ledger")
    read_only = URL.create("sqlite", database=f"file:{quote(str(path.resolve()))}", query={"mode": "ro", "uri": "true"})
    return create_engine(read_only, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S})


def file_of(url: str) -> Path:
    """The SQLite file that the URL names. Raises InputError for anything else: only SQLite is supported so far."""
    try:
        parsed = make_url(url)
    except ArgumentError as e:
        raise InputError("not a database URL", url, "Use a file name, or sqlite:////folder/ledger.sqlite") from e
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        shown = parsed.render_as_string(hide_password=True)
        raise InputError("the ledger must be an SQLite file so far", shown, "Use a file name in records.ledger")
    return Path(parsed.database)


def is_transient(error: SQLAlchemyError) -> bool:
    """Whether waiting may help: the database is locked, its disk full or failing; not that it is no database."""
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF in TRANSIENT_SQLITE_ERRORS


def plain_text(error: Exception) -> str:
    """The database's own words, without SQLAlchemy's listing of statement and rows."""
    return str(error.orig if isinstance(error, DBAPIError) else error)
