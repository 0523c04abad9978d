"""Changes on their way to the audit table: a file that outlives a database that is down, and the command itself."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from line_inspector.file_lock import held_lock
from line_inspector.records.audit import Change, append_changes
from line_inspector.records.database import WritingDatabase


class ChangeSpool:
    """The file at `path`, one JSON document a line. Any process may add, and any may drain it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draining = path.with_name(f"{path.name}.draining")
        self._adding_lock, self._draining_lock = (
            path.with_name(f"{path.name}.{name}.lock") for name in ("add", "drain")
        )

    def add(self, one: Change) -> None:
        """Makes the change survive this process and a power cut. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with held_lock(self._adding_lock), self._path.open("ab") as file:
            file.write(b"\n" * (file.tell() > 0) + msgspec.json.encode(one))  # a line that a power cut tore stays alone
            file.flush()
            os.fsync(file.fileno())

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not (self._path.exists() or self._draining.exists())

    def drain(self, database: WritingDatabase) -> None:
        """Moves what waits into the audit table. Raises as `WritingDatabase.transaction`; then it waits on.

        Killed between commit and removal, it is drained again, and each change is still one row.
        """
        if self.is_empty:
            return
        with suppress(BlockingIOError), held_lock(self._draining_lock, wait=False):
            self._drain_taken(database)  # what an earlier process had taken, and not finished
            with held_lock(self._adding_lock), suppress(FileNotFoundError):
                self._path.rename(self._draining)
            self._drain_taken(database)

    def _drain_taken(self, database: WritingDatabase) -> None:
        try:
            lines = self._draining.read_bytes().splitlines()
        except FileNotFoundError:
            return
        changes = []
        for line in lines:
            with suppress(msgspec.DecodeError):  # torn by a power cut before the change was made
                changes.append(msgspec.json.decode(line, type=Change))
        with database.transaction() as connection:
            append_changes(connection, changes)
        self._draining.unlink()
