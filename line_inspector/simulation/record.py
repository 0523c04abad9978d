"""The world's own record, one JSON document a line: which part, good or defective, fell into which bin."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from line_inspector.errors import InputError
from line_inspector.simulation.belt import Part
from line_inspector.simulation.gate import Passage, Why

AGAIN = "+"  # ends the id of a second trigger for the same part
Bin = Literal["accept", "reject"]


class BinnedPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part that has passed the gate. Times are CLOCK_MONOTONIC nanoseconds; `defective` is None where unknown.

    `triggers` are the ids of all triggers that were sent for it, None for the one that has its own id.
    """

    part_id: str
    camera: str
    trigger_ns: int
    gate_ns: int
    defective: bool | None
    defect: str
    file: str
    seed: int
    bin: Bin
    why: Why
    accept_received_ns: int | None
    triggers: list[str] | None = None

    @property
    def told(self) -> list[str]:
        """The ids under which the line has heard of it."""
        return [self.part_id] if self.triggers is None else self.triggers


def binned(part: Part, passage: Passage) -> BinnedPart:
    """What the world notes of a part and its way through the gate."""
    return BinnedPart(
        part_id=part.part_id,
        camera=part.camera,
        trigger_ns=part.trigger_ns,
        gate_ns=part.gate_ns,
        defective=part.subject.defective,
        defect=part.subject.defect,
        file=part.subject.scene.file,
        seed=part.subject.scene.seed,
        bin="accept" if passage.accepted else "reject",
        why=passage.why,
        accept_received_ns=passage.accept_received_ns,
        triggers=None if part.triggers == [part.part_id] else part.triggers,
    )


class WorldRecord:
    """Appends to the file at `path`. Lines that the disk refuses are kept and written later.

    Raises InputError when the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unwritten = b""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o644)
            if not _ends_a_line(self._descriptor):
                self._unwritten = b"\n"  # an earlier world died within a line
        except OSError as e:
            raise InputError(f"cannot open the world's record ({e.strerror})", str(path), "Check data_dir") from e

    def append(self, part: BinnedPart) -> None:
        """Notes a part; does not raise for a full disk."""
        self._unwritten += msgspec.json.encode(part) + b"\n"
        self._write()

    def close(self) -> None:
        """Syncs the file to the disk. Raises InputError when it could not take every line."""
        self._write()
        try:
            os.fsync(self._descriptor)
        except OSError as e:
            raise InputError(f"the world's record is not safe ({e.strerror})", str(self._path), "Check the disk") from e
        finally:
            os.close(self._descriptor)
        if self._unwritten:
            lost = self._unwritten.count(b"\n")
            raise InputError(f"{lost} parts could not be recorded", str(self._path), "Free space on that disk")

    def _write(self) -> None:
        try:
            while self._unwritten:
                self._unwritten = self._unwritten[os.write(self._descriptor, self._unwritten) :]
        except OSError:
            return  # tried again with the next part, and at last by close


def read_world_record(path: Path) -> Iterator[BinnedPart]:
    """Every part in the file, in the order in which they passed the gate. A torn line is passed over.

    Raises InputError when there is no such file.
    """
    try:
        content = path.read_bytes()
    except OSError as e:
        raise InputError(f"cannot read the world's record ({e.strerror})", str(path), "Run the world first") from e
    return _parsed(content.split(b"\n"))


def _parsed(lines: Iterable[bytes]) -> Iterator[BinnedPart]:
    decoder = msgspec.json.Decoder(BinnedPart)
    for line in lines:
        try:
            yield decoder.decode(line)
        except msgspec.DecodeError:
            continue


def _ends_a_line(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
