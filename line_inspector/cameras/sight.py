"""Whether a camera sees anything: frames that are black, white, without any detail, or one and the same."""

import numpy as np

from line_inspector.images import Frame
from line_inspector.ring import fingerprint

LOOKED_AT = 64  # pixels along each side that are looked at, at most: some microseconds, however large the frame
FLAT = 3  # grey levels; a lit sensor's own noise is more


class Sight:
    """Looks at each frame of one camera. After `after` blind ones in a row, every further one is called blind.

    No real sensor gives the same pixels twice: a frame whose fingerprint is that of the one before comes out of a
    buffer. A single one may be an accident, and is judged like any other.
    """

    def __init__(self, after: int) -> None:
        self._after = after
        self._before: int | None = None
        self._blind = 0

    def look(self, frame: Frame) -> str:
        """Why this frame is no picture of its part; empty when it may be one."""
        why = self._doubt(frame)
        self._blind = self._blind + 1 if why else 0
        return f"{why}, {self._blind} times in a row" if self._blind >= self._after else ""

    def _doubt(self, frame: Frame) -> str:
        mark, before = fingerprint(frame), self._before
        self._before = mark
        looked_at = frame[:: _step(frame.shape[0]), :: _step(frame.shape[1])]
        low, high = int(np.min(looked_at)), int(np.max(looked_at))
        if high - low <= FLAT:
            return f"the picture is of one grey, {low} to {high}"
        return "the picture is that of the part before" if mark == before else ""


def _step(length: int) -> int:
    return -(-length // LOOKED_AT)
