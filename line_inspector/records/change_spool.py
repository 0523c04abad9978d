"""Changes and challenges on their way to their tables: a file that outlives process and database."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from line_inspector.challenge_record import ChallengeRecord
from line_inspector.file_lock import held_lock
from line_inspector.records.audit import Change, append_changes
from line_inspector.records.database import WritingDatabase, append_challenges
from line_inspector.records.schema import row_of

DRAINED_AT_ONCE = 25  # few enough that decision is not kept waiting for the interpreter

Spooled = Change | ChallengeRecord


class ChangeSpool:
    """The file at `path`, one JSON document a line. Any process may add, and any may drain it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._draining = path.with_name(f"{path.name}.draining")
        self._adding_lock, self._draining_lock = (
            path.with_name(f"{path.name}.{name}.lock") for name in ("add", "drain")
        )

    def add(self, *spooled: Spooled) -> None:
        """Makes them survive this process and a power cut. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with held_lock(self._adding_lock), self.path.open("ab") as file:
            torn_stays_alone = b"\n" * (file.tell() > 0)  # the line that a power cut tore
            file.write(torn_stays_alone + b"\n".join(msgspec.json.encode(one) for one in spooled))
            file.flush()
            os.fsync(file.fileno())

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not (self.path.exists() or self._draining.exists())

    def drain(self, database: WritingDatabase) -> None:
        """Moves what waits into its tables. Raises as `WritingDatabase.transaction`; then it waits on.

        Killed between commit and removal, it is drained again, and each of them is still one row.
        """
        if self.is_empty:
            return
        with suppress(BlockingIOError), held_lock(self._draining_lock, wait=False):
            self._drain_taken(database)  # what an earlier process had taken, and not finished
            with held_lock(self._adding_lock), suppress(FileNotFoundError):
                self.path.rename(self._draining)
            self._drain_taken(database)

    def _drain_taken(self, database: WritingDatabase) -> None:
        try:
            lines = self._draining.read_bytes().splitlines()
        except FileNotFoundError:
            return
        spooled = [one for line in lines if (one := _read(line))]
        for first in range(0, len(spooled), DRAINED_AT_ONCE):
            some = spooled[first : first + DRAINED_AT_ONCE]
            with database.transaction() as connection:
                append_changes(connection, [one for one in some if isinstance(one, Change)])
                append_challenges(connection, [row_of(one) for one in some if isinstance(one, ChallengeRecord)])
        self._draining.unlink()


def _read(line: bytes) -> Spooled | None:
    """None for a line that a power cut tore before what it tells of was done."""
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(line, type=Change)
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(line, type=ChallengeRecord)
    return None
