"""lock_database: another program holds the ledger's write lock, so that nothing can be committed."""

import sqlite3

from line_inspector.chaos.scratch_line import ledger_file
from line_inspector.chaos.victim import Victim

PATIENCE_S = 10.0


class LockDatabase:
    """An exclusive transaction of the scratch line's own SQLite file."""

    def __init__(self, victim: Victim) -> None:
        self._connection = sqlite3.connect(
            ledger_file(victim.line), timeout=PATIENCE_S, isolation_level=None, check_same_thread=False
        )

    def inject(self) -> str:
        self._connection.execute("BEGIN EXCLUSIVE")
        return "write lock held"

    def heal(self) -> None:
        self._connection.close()  # rolls back
