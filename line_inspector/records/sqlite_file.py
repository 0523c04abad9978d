"""A ledger in an SQLite file: in WAL mode, so that reading never waits for writing, and with synchronous FULL.

A commit releases capture from announcing the part again, so it must survive a power cut. That costs one fsync per group
of parts, in the ledger's own thread, where no decision waits for it.
"""

import sqlite3
from functools import partial
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from line_inspector.errors import InputError

BUSY_TIMEOUT_S = 1.0
CACHE_KIB = 512  # of each connection's pages: SQLite's own 2 MB take an hour to fill, and make nothing faster
TRANSIENT_ERRORS = frozenset({5, 6, 10, 13})  # busy, locked, input/output error, full


class SqliteFile:
    """The file that `url` names, and how it is opened. Raises InputError for a database in memory."""

    remedy = "Check records.ledger, the folder's permissions and the disk"

    def __init__(self, url: URL) -> None:
        if not url.database or url.database == ":memory:":
            raise InputError("a ledger in memory would be lost", str(url), "Use a file name in records.ledger")
        self.path = Path(url.database)
        self.shown = str(self.path)
        self._url = url
        self._identity: tuple[int, int] | None = None

    def writing_engine(self) -> Engine:
        """An engine whose connections may be used by one thread after the other."""
        arguments = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
        return create_engine(self._url, poolclass=NullPool, connect_args=arguments)

    def reading_engine(self) -> Engine:
        """An engine that can only read, also while the line writes. Raises InputError when there is no ledger yet."""
        if not self.path.is_file():
            raise InputError("there is no ledger yet", self.shown, "Run the line first, or check records.ledger")
        name = f"file:{quote(str(self.path.resolve()))}"
        read_only = URL.create("sqlite", database=name, query={"mode": "ro", "uri": "true"})
        engine = create_engine(read_only, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S})
        event.listen(engine, "connect", _read_any_text)
        return engine

    def make_place(self) -> None:
        """Makes the folder. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def prepare(self, connection: Connection) -> None:
        """What a new connection needs."""
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql("PRAGMA synchronous=FULL")
        connection.exec_driver_sql(f"PRAGMA cache_size=-{CACHE_KIB}")
        connection.commit()
        self._identity = self._identify()

    def begin(self, connection: Connection) -> None:
        """Begins a transaction that no other writer is in."""
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def is_replaced(self) -> bool:
        """Whether the file is no longer the one that was opened: what is written to that now would be lost."""
        return self._identify() != self._identity

    def is_transient(self, error: DBAPIError) -> bool:
        """Whether waiting may help: it is locked, its disk full or failing; not that it is no database."""
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in TRANSIENT_ERRORS

    def _identify(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino


def _read_any_text(connection: sqlite3.Connection, _: object) -> None:
    """A text that is not UTF-8 has been put in by hand: it must not keep the other rows from being read."""
    connection.text_factory = partial(str, encoding="utf-8", errors="backslashreplace")
