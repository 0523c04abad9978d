"""corrupt_frames: bytes in the frame rings change under everybody's eyes, in headers and in pixels."""

import mmap
from contextlib import suppress
from pathlib import Path

from line_inspector.chaos.fault import NotPossible
from line_inspector.chaos.repeater import Repeater
from line_inspector.chaos.victim import Victim
from line_inspector.ring import NAME, PREFIX, SHM, Geometry

PERIOD_S = 0.005
HEADER_BYTES = 32
LONGEST_RUN_BYTES = 100_000


class CorruptFrames:
    """Every 5 ms, in one slot of one ring: single bytes of the header, or a run of pixels, are overwritten."""

    def __init__(self, victim: Victim) -> None:
        self._victim = victim
        self._repeater: Repeater | None = None

    def inject(self) -> str:
        if not self._segments():
            raise NotPossible("no frame ring is there")
        self._repeater = Repeater(self._corrupt, PERIOD_S)
        return "200 slots a second overwritten"

    def heal(self) -> None:
        if self._repeater:
            self._repeater.stop()

    def _segments(self) -> list[Path]:
        return sorted(SHM.glob(f"{PREFIX}.{self._victim.line.ring_owner}.*"))

    def _corrupt(self) -> None:
        rng, segments = self._victim.rng, self._segments()
        match = NAME.fullmatch(rng.choice(segments).name) if segments else None
        if not match:
            return
        geometry = Geometry(slots=int(match[4]), slot_bytes=int(match[5]))
        start = rng.randrange(geometry.slots) * geometry.stride_bytes
        if rng.random() < 0.5:
            place, size = start + rng.randrange(HEADER_BYTES), 1
        else:
            place = start + int(geometry.stride_bytes * rng.random() ** 3)  # slots are larger than their frames
            size = min(rng.randint(1, LONGEST_RUN_BYTES), start + geometry.stride_bytes - place)
        with suppress(OSError), (SHM / match[0]).open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            memory[place : place + size] = rng.randbytes(size)
