"""Whether a camera sees anything: frames that are black, white, without any detail, or one and the same."""

from dataclasses import dataclass

import numpy as np

from line_inspector.images import Frame
from line_inspector.part_record import Reason
from line_inspector.ring import fingerprint

LOOKED_AT = 64  # pixels along each side that are looked at, at most: some microseconds, however large the frame
FLAT = 3  # grey levels; a lit sensor's own noise is more


@dataclass(frozen=True)
class Unseen:
    """Why a frame is no picture of its part."""

    reason: Reason
    detail: str


class Sight:
    """Looks at each frame of one camera. After `after` blind ones in a row, every further one is called blind.

    No real sensor gives the same pixels twice: a frame that equals the one before comes out of a buffer. Of a camera
    that `must_differ` the first of these is refused already. Of another one, such as a folder of images, a single one
    may be an accident, and is judged like any other.
    """

    def __init__(self, after: int, *, must_differ: bool = False) -> None:
        self._after, self._must_differ = after, must_differ
        self._before: tuple[int, Frame] | None = None
        self._mark = 0
        self._blind = 0

    def look(self, frame: Frame) -> Unseen | None:
        """Why this frame is no picture of its part; None when it may be one."""
        self._mark = fingerprint(frame)
        repeated, grey = self._repeats(frame), _one_grey(frame)
        why = grey or ("the picture is that of the part before" if repeated else "")
        self._blind = self._blind + 1 if why else 0
        if self._blind >= self._after:
            return Unseen(Reason.CAMERA_BLIND, f"{why}, {self._blind} times in a row")
        return Unseen(Reason.REPEATED_FRAME, why) if repeated and self._must_differ else None

    def remember(self, frame: Frame) -> None:
        """The frame looked at last, which the next must not repeat: as it lies in the ring, or a copy."""
        self._before = (self._mark, frame)

    def _repeats(self, frame: Frame) -> bool:
        """The fingerprint is of some rows only, and those may all be saturated: equal ones are compared as a whole.

        Where the ring has other pixels by now, equal fingerprints must do.
        """
        if self._before is None or self._mark != self._before[0]:
            return False
        mark, before = self._before
        return np.array_equal(frame, before) or fingerprint(before) != mark


def _one_grey(frame: Frame) -> str:
    looked_at = frame[:: _step(frame.shape[0]), :: _step(frame.shape[1])]
    low, high = int(np.min(looked_at)), int(np.max(looked_at))
    return f"the picture is of one grey, {low} to {high}" if high - low <= FLAT else ""


def _step(length: int) -> int:
    return -(-length // LOOKED_AT)
