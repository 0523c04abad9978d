"""Triggers by the clock, for a camera on a line that has none of its own."""

import time

from line_inspector.config import RateTrigger
from line_inspector.messages import Trigger
from line_inspector.wall_clock import wall_ns


class RateSource:
    """Triggers at a fixed rate, for a line that has none of its own. A tick that was missed is not made up for."""

    def __init__(self, camera: str, settings: RateTrigger) -> None:
        self._camera = camera
        self._period_ns = int(1e9 / settings.rate_hz)
        self._run = f"{wall_ns() // 1_000_000:x}"
        self._number = 0
        self._next_ns = time.monotonic_ns()

    def next_ns(self) -> int:
        """When the next trigger is due."""
        return self._next_ns

    def due(self, now_ns: int) -> list[Trigger]:
        """The trigger of this tick, if its time has come."""
        if now_ns < self._next_ns:
            return []
        following_ns = self._next_ns + self._period_ns
        self._next_ns = following_ns if following_ns > now_ns else now_ns + self._period_ns
        self._number += 1
        return [
            Trigger(part_id=f"{self._camera}-{self._run}-{self._number:06d}", camera=self._camera, trigger_ns=now_ns)
        ]
