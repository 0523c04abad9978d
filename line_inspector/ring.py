"""Frames of one camera in POSIX shared memory: one writer, any number of readers, no locks.

Each slot starts with a generation that is odd while the writer is inside (a sequence lock); a reader compares it with
the generation it was promised, before and after it looks, and the checksum that the writer took of the frame with that
of the pixels it finds. The writer knows generations and deadlines itself and reads nothing back, so no damage in the
segment can stop it. The segment's name carries camera, epoch and geometry, so a restarted camera never meets an old
reader. Segments are mapped directly: before Python 3.13
multiprocessing.shared_memory unlinks a segment when any process that attached to it exits.
"""

import math
import mmap
import os
import re
import time
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from line_inspector.errors import InputError
from line_inspector.images import Frame
from line_inspector.messages import SlotRef

SHM = Path("/dev/shm")
PREFIX = "line-inspector"
NAME = re.compile(rf"{PREFIX}\.([\w-]+)\.([\w-]+)\.(\d+)\.(\d{{1,19}})x(\d{{1,19}})")  # numbers that int() takes
FINGERPRINT_ROWS = 16

_HEADER = np.dtype(
    [
        ("generation", "<u8"),
        ("height", "<u4"),
        ("width", "<u4"),
        ("channels", "<u4"),
        ("part_crc", "<u4"),
        ("fingerprint", "<u4"),
    ]
)
_HEADER_BYTES = 64


class TornFrame(Exception):
    """The slot no longer holds the promised frame, or its writer was inside it."""


class RingOverrun(Exception):
    """The next slot still holds a frame whose deadline has not passed."""


@dataclass(frozen=True)
class Geometry:
    """Number of slots and room for pixels in each."""

    slots: int
    slot_bytes: int

    @property
    def stride_bytes(self) -> int:
        """Distance between slots: header plus pixels, rounded up to a page so that a slot can be page-locked."""
        return -(-(_HEADER_BYTES + self.slot_bytes) // mmap.PAGESIZE) * mmap.PAGESIZE


def slots_needed(rate_hz: float, deadline_s: float, keep_s: float) -> int:
    """Slots so that none is reused before its part's deadline plus `keep_s`, in which the archive copies the frame."""
    return int(np.ceil(rate_hz * (deadline_s + keep_s))) + 4


def fingerprint(frame: Frame) -> int:
    """CRC-32 over shape and FINGERPRINT_ROWS evenly spaced rows: tells one frame from another at little cost."""
    checksum = zlib.crc32(str(frame.shape).encode())
    for row in _fingerprint_rows(frame.shape[0]):
        checksum = zlib.crc32(np.ascontiguousarray(frame[row]).data, checksum)  # a whole frame's row is not copied
    return checksum


@lru_cache(maxsize=64)  # of frame heights: a line has few, but damage in a ring may tell of any
def _fingerprint_rows(height_px: int) -> list[int]:
    rows: list[int] = np.linspace(0, height_px - 1, FINGERPRINT_ROWS).astype(int).tolist()
    return rows


class RingWriter:
    """The camera's end. Creates its segment, and removes segments that earlier epochs of this camera left behind."""

    def __init__(self, line: str, camera: str, geometry: Geometry) -> None:
        remove_stale(line, camera)
        self.name = f"{PREFIX}.{line}.{camera}.{time.monotonic_ns()}.{geometry.slots}x{geometry.slot_bytes}"
        self._geometry = geometry
        self._memory = _create(self.name, geometry.slots * geometry.stride_bytes)
        self._next = 0
        self._generations = [0] * geometry.slots
        self._held_until_ns = [0] * geometry.slots

    def write(self, frame: Frame, part_id: str, deadline_ns: int, keep_ns: int, now_ns: int) -> SlotRef:
        """Copies the frame into the next slot. Raises RingOverrun, or ValueError when the frame is too large."""
        if frame.nbytes > self._geometry.slot_bytes:
            raise ValueError(f"frame of {frame.nbytes} bytes in slots of {self._geometry.slot_bytes}")
        slot = self._next
        if self._held_until_ns[slot] > now_ns:
            raise RingOverrun(f"slot {slot} is in use")
        header, pixels = _slot(self._memory, self._geometry, slot)
        generation = self._generations[slot] + 2
        header["generation"] = generation - 1  # odd: being written
        header["height"], header["width"] = frame.shape[:2]
        header["channels"] = frame.shape[2] if frame.ndim == 3 else 1
        header["part_crc"] = zlib.crc32(part_id.encode())
        np.copyto(pixels[: frame.nbytes].reshape(frame.shape), frame)
        header["fingerprint"] = fingerprint(frame)  # of what the copy has just brought into the cache
        header["generation"] = generation
        self._generations[slot], self._held_until_ns[slot] = generation, deadline_ns + keep_ns
        self._next = (slot + 1) % self._geometry.slots
        return SlotRef(ring=self.name, slot=slot, generation=generation)

    def written(self, ref: SlotRef, shape: tuple[int, ...]) -> Frame:
        """What lies in a slot, in place, read-only: the frame that was written there, until the slot is reused."""
        _, pixels = _slot(self._memory, self._geometry, ref.slot)
        frame = pixels[: math.prod(shape)].reshape(shape)
        frame.flags.writeable = False
        return frame

    def close(self) -> None:
        """Removes the segment's name; readers that have it mapped keep their view."""
        (SHM / self.name).unlink(missing_ok=True)


class Segment(mmap.mmap):
    """A segment as a reader maps it, until nobody looks at a frame of it any more; then `before_unmap` is called."""

    before_unmap: Callable[[], None] | None = None

    def __del__(self) -> None:
        if self.before_unmap is not None:
            self.before_unmap()


class RingReader:
    """Reads slots of any ring by reference; maps each segment once and forgets those whose camera has restarted.

    `on_mapped` is told of every segment when it is mapped, so that somebody may page-lock it.
    """

    def __init__(self, on_mapped: Callable[[Segment], None] | None = None) -> None:
        self._maps: dict[str, tuple[Segment, Geometry]] = {}
        self._on_mapped = on_mapped

    def view(self, ref: SlotRef, part_id: str) -> Frame:
        """The frame in place, without a copy; call `check` after the last look. Raises TornFrame."""
        header, pixels = self._slot(ref)
        _require(header, ref, part_id)
        shape = (int(header["height"]), int(header["width"]), int(header["channels"]))
        size = shape[0] * shape[1] * shape[2]
        if not 0 < size <= pixels.size or shape[2] not in (1, 3):
            raise TornFrame(f"slot {ref.slot} of {ref.ring} has an impossible shape {shape}")
        frame = pixels[:size].reshape(shape[: 2 if shape[2] == 1 else 3])
        if fingerprint(frame) != int(header["fingerprint"]):
            raise TornFrame(f"slot {ref.slot} of {ref.ring} holds other pixels than the camera wrote")
        return frame

    def check(self, ref: SlotRef, part_id: str) -> None:
        """Raises TornFrame unless the slot still holds that very frame."""
        self.view(ref, part_id)

    def copy(self, ref: SlotRef, part_id: str) -> Frame:
        """The frame, copied, and whole. Raises TornFrame."""
        frame = self.view(ref, part_id).copy()
        self.check(ref, part_id)
        return frame

    def _slot(self, ref: SlotRef) -> "tuple[np.void, Frame]":
        if ref.ring not in self._maps:
            self._open(ref.ring)
        memory, geometry = self._maps[ref.ring]
        if not 0 <= ref.slot < geometry.slots:
            raise TornFrame(f"{ref.ring} has no slot {ref.slot}")
        return _slot(memory, geometry, ref.slot)

    def _open(self, name: str) -> None:
        match = NAME.fullmatch(name)
        if not match:
            raise TornFrame(f"{name!r} is not the name of a ring")
        geometry = Geometry(slots=int(match[4]), slot_bytes=int(match[5]))
        try:
            memory = _map(SHM / name, geometry.slots * geometry.stride_bytes)
        except (OSError, ValueError) as e:
            raise TornFrame(f"ring {name} is gone ({e})") from e
        stale = [other for other in self._maps if _owner(other) == _owner(name)]
        for other in stale:
            del self._maps[other]
        self._maps[name] = (memory, geometry)
        if self._on_mapped is not None:
            self._on_mapped(memory)


def remove_stale(line: str, camera: str) -> None:
    """Unlinks every segment of this camera; only its capture process, which holds the camera's lock, may call it."""
    for path in SHM.glob(f"{PREFIX}.{line}.{camera}.*"):
        path.unlink(missing_ok=True)


def remove_orphans(line: str, cameras: Collection[str]) -> None:
    """Unlinks segments of this line whose camera is no longer one of `cameras`: it was renamed or taken away."""
    for path in SHM.glob(f"{PREFIX}.{line}.*"):
        match = NAME.fullmatch(path.name)
        if match and match[2] not in cameras:
            path.unlink(missing_ok=True)


def _owner(name: str) -> tuple[str, str]:
    match = NAME.fullmatch(name)
    return (match[1], match[2]) if match else ("", "")


def _create(name: str, size: int) -> mmap.mmap:
    path = SHM / name
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)  # a full /dev/shm shows here, not as a bus error in mid-frame
        # populated: otherwise each slot's first frame is five times as slow, a page fault for every 4 KiB of it
        return mmap.mmap(descriptor, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
    except OSError as e:
        path.unlink(missing_ok=True)
        raise InputError(
            f"no room for a frame ring of {size / 1e6:.0f} MB ({e.strerror})",
            str(SHM),
            "Enlarge /dev/shm, or lower frame size, max_rate_hz or the distance to the gate",
        ) from e
    finally:
        os.close(descriptor)


def _map(path: Path, size: int) -> Segment:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return Segment(descriptor, size, prot=mmap.PROT_READ)
    finally:
        os.close(descriptor)


def _slot(memory: mmap.mmap, geometry: Geometry, slot: int) -> "tuple[np.void, Frame]":
    start = slot * geometry.stride_bytes
    header: np.void = np.ndarray((1,), _HEADER, memory, start)[0]
    pixels: npt.NDArray[np.uint8] = np.ndarray((geometry.slot_bytes,), np.uint8, memory, start + _HEADER_BYTES)
    return header, pixels


def _require(header: np.void, ref: SlotRef, part_id: str) -> None:
    generation = int(header["generation"])
    if generation != ref.generation or generation % 2:
        raise TornFrame(f"slot {ref.slot} of {ref.ring} is at generation {generation}, expected {ref.generation}")
    if int(header["part_crc"]) != zlib.crc32(part_id.encode()):
        raise TornFrame(f"slot {ref.slot} of {ref.ring} holds another part than {part_id}")
