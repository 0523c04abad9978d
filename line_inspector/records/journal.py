"""Decisions on their way to the ledger: an append-only file that outlives the decision process.

A record is handed to the operating system with one write and no fsync, so it survives kill -9 of the process at once,
and a crash of the whole machine only once the kernel has written it out (seconds). The ledger's own commit is what
survives a power cut; capture keeps announcing a part until then.
"""

import logging
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from line_inspector import encoding
from line_inspector.encoding import MalformedMessage
from line_inspector.errors import InputError
from line_inspector.part_record import PartRecord
from line_inspector.records.outage import Outage

REWRITE_ABOVE_BYTES = 1 << 20

_log = logging.getLogger("journal")

_MARK = b"\xffPR\xfe"  # no UTF-8 text contains it, so that the next record is found again after damage
_FRAME = struct.Struct("<4sII")  # mark, length of the record in bytes, CRC-32 of length and record


class Journal:
    """The file at `path`, for one process and one thread.

    Raises InputError when it cannot be opened or read, and when it holds a record that another version of the program
    has written: those decisions belong into the ledger, so the file stays as it is. `recovered` holds the records
    that an earlier process left behind, oldest first, each part once. Damaged bytes are passed over wherever they lie,
    never taken for a record, and counted in `damaged_bytes`; a torn tail is cut off.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
            content = path.read_bytes()
        except OSError as e:
            raise InputError(f"cannot open the journal ({e.strerror})", str(path), "Check data_dir and the disk") from e
        found = self._whole_records(content)
        self._live: dict[str, slice] = {}
        self._live_bytes = 0
        self.recovered: list[PartRecord] = []
        for place, record in found:
            if self._remember(record.part_id, place):
                self.recovered.append(record)
        self._end = found[-1][0].stop if found else 0
        self.damaged_bytes = len(content) - sum(place.stop - place.start for place, _ in found)
        if self.damaged_bytes:
            _log.warning("passed over %d damaged bytes in %s", self.damaged_bytes, path)
        self._outage = Outage("journal", f"journal {path} cannot be shortened", "Free space on that disk")
        self._cut(self._end)

    def __len__(self) -> int:
        """Parts that are appended and not retired."""
        return len(self._live)

    @property
    def size_bytes(self) -> int:
        """Length of the file."""
        return self._end

    def append(self, record: PartRecord) -> None:
        """Makes the record survive this process. Raises OSError, such as for a full disk; the journal stays whole."""
        frame = _framed(record)
        start, written = self._end, 0
        try:
            while written < len(frame):
                written += os.pwrite(self._descriptor, frame[written:], start + written)
        except OSError:
            self._cut(start)  # half a record; should even this fail, the next append overwrites it
            raise
        self._end = start + len(frame)
        self._remember(record.part_id, slice(start, self._end))

    def retire(self, part_ids: list[str]) -> None:
        """Forgets parts that the ledger has committed; unknown ones are ignored. Never raises for a full disk.

        Takes time in proportion to `part_ids`, however many parts stay, but for a rewrite of the file now and then.
        """
        if not part_ids:
            return
        for part_id in part_ids:
            place = self._live.pop(part_id, None)
            if place:
                self._live_bytes -= place.stop - place.start
        if not self._live and self._end:
            self._cut(0)
            self._end = 0
        elif self._end > REWRITE_ABOVE_BYTES and 4 * self._live_bytes < self._end:
            self._rewrite()

    def close(self) -> None:
        """Closes the file; what is not retired stays in it."""
        os.close(self._descriptor)

    def _whole_records(self, content: bytes) -> list[tuple[slice, PartRecord]]:
        try:
            return list(_scan(content))
        except MalformedMessage as e:
            os.close(self._descriptor)
            remedy = "Start that version once more, let it drain the journal into the ledger, then start this one"
            raise InputError(f"holds decisions of another version ({e})", str(self._path), remedy) from e

    def _remember(self, part_id: str, place: slice) -> bool:
        """Notes where the part's record lies; False when it has one already, which then counts."""
        if part_id in self._live:
            return False
        self._live[part_id] = place
        self._live_bytes += place.stop - place.start
        return True

    def _cut(self, size_bytes: int) -> None:
        try:
            os.ftruncate(self._descriptor, size_bytes)
        except OSError as e:
            self._outage.begin(e.strerror)
        else:
            self._outage.end()

    def _rewrite(self) -> None:
        """Keeps only what is not retired, in a new file that takes the old one's place at once."""
        partial = self._path.with_name(self._path.name + ".partial")
        kept = [os.pread(self._descriptor, p.stop - p.start, p.start) for p in self._live.values()]
        try:
            partial.write_bytes(b"".join(kept))
            partial.replace(self._path)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as e:
            self._outage.begin(e.strerror)
            with suppress(OSError):
                partial.unlink(missing_ok=True)  # on a full disk, of all places
            return
        os.close(self._descriptor)
        self._descriptor, self._end = descriptor, 0
        for part_id, frame in zip(self._live, kept, strict=True):
            self._live[part_id] = slice(self._end, self._end + len(frame))
            self._end += len(frame)
        self._outage.end()


def _framed(record: PartRecord) -> bytes:
    payload = encoding.encode(record)
    return _FRAME.pack(_MARK, len(payload), _checksum(payload)) + payload


def _checksum(payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(len(payload).to_bytes(4, "little")))


def _scan(content: bytes) -> Iterator[tuple[slice, PartRecord]]:
    """Every whole record in `content` and its place. Raises MalformedMessage for a whole one of another version."""
    start = content.find(_MARK)
    while start >= 0:
        record, stop = _record_at(content, start)
        if record:
            yield slice(start, stop), record
        start = content.find(_MARK, stop)


def _record_at(content: bytes, start: int) -> tuple[PartRecord | None, int]:
    """The record that starts there, or None, and where to look on."""
    begin = start + _FRAME.size
    if begin > len(content):
        return None, start + 1
    _, length, checksum = _FRAME.unpack_from(content, start)
    payload = content[begin : begin + length]
    if len(payload) != length or _checksum(payload) != checksum:
        return None, start + 1
    return encoding.decode(payload, PartRecord), begin + length
