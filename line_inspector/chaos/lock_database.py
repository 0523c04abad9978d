"""lock_database: another program holds the ledger's write lock, so that nothing can be committed."""

import sqlite3

from sqlalchemy import make_url

from line_inspector.chaos.victim import Victim
from line_inspector.records.sqlite_file import SqliteFile

PATIENCE_S = 10.0


class LockDatabase:
    """An exclusive transaction of the scratch line's own SQLite file."""

    def __init__(self, victim: Victim) -> None:
        ledger = SqliteFile(make_url(victim.line.ledger_url)).path
        self._connection = sqlite3.connect(ledger, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)

    def inject(self) -> str:
        self._connection.execute("BEGIN EXCLUSIVE")
        return "write lock held"

    def heal(self) -> None:
        self._connection.close()  # rolls back
