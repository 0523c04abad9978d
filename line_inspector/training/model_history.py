"""history.jsonl: one line per change of a recipe's `current`, when, which version, published or rolled back."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

FILE = "history.jsonl"
Action = Literal["publish", "rollback"]


class Change(msgspec.Struct, frozen=True):
    """One line of it."""

    at_utc: str
    version: str
    action: Action


class ModelHistory:
    """What was noted in a recipe's folder. The link `current` is the truth, a note without its change is none."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def note(self, version: str, action: Action) -> None:
        """Add a line, on the disk when this returns. Raises OSError."""
        change = Change(datetime.now(UTC).isoformat(timespec="seconds"), version, action)
        with self._path.open("ab") as file:
            file.write(b"\n" * (file.tell() > 0) + msgspec.json.encode(change))
            file.flush()
            os.fsync(file.fileno())

    def stack(self, in_service: str | None) -> list[str]:
        """Versions in the order in which they came into service, less those rolled back; the last is `in_service`."""
        stack: list[str] = []
        for change in self._changes():
            if change.action == "rollback" and change.version in stack:
                del stack[stack.index(change.version) + 1 :]
            else:
                stack.append(change.version)
        if in_service in stack:
            del stack[stack.index(in_service) + 1 :]
        elif in_service is not None:
            stack.append(in_service)
        return stack

    def _changes(self) -> list[Change]:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        changes = []
        for line in lines:
            try:
                changes.append(msgspec.json.decode(line, type=Change))
            except msgspec.DecodeError:  # a line cut short by a power failure
                continue
        return changes
