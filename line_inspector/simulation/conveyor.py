"""How the simulated belt runs: steadily, or at speeds that change, with stops. Only the world knows it.

Belt time, in nanoseconds, is how long the belt would have taken to get where it is at `belt.speed_mm_s`.
"""

import random
from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

RAMP_NS = 400_000_000  # from one speed to the next
STEP_NS = 10_000_000  # a ramp goes in steps
FORGOTTEN_AFTER = 20_000  # legs; old ones are of no use to anybody


class Conveyor(Protocol):
    """The way of the belt in time."""

    def place(self, at_ns: int) -> int:
        """Belt time at that moment."""
        ...

    def when(self, place: int) -> int:
        """The first moment at which belt time is `place`."""
        ...


class SteadyConveyor:
    """Runs at `belt.speed_mm_s`: belt time is the clock's."""

    def place(self, at_ns: int) -> int:
        """The moment itself."""
        return at_ns

    def when(self, place: int) -> int:
        """The moment itself."""
        return place


@dataclass(frozen=True)
class Speeds:
    """How speeds change: as in the section simulation."""

    change_s: float
    least: float
    stop_share: float


class ChangingConveyor:
    """From `start_ns` on: runs for `change_s`, then goes over to another speed, as a ramp; a stop ends with the next.

    Speeds are drawn between `least` and 1, times `belt.speed_mm_s`. Belt time is 0 at the start, and was less before.
    """

    def __init__(self, speeds: Speeds, start_ns: int, rng: random.Random) -> None:
        self._speeds, self._rng = speeds, rng
        self._moments, self._places, self._rates = [start_ns], [0], [1.0]  # legs: where each begins, and its speed
        self._leg(int(speeds.change_s * 1e9))

    def place(self, at_ns: int) -> int:
        """Belt time at that moment."""
        while self._moments[-1] <= at_ns:
            self._go_on()
        here = max(0, bisect_right(self._moments, at_ns) - 1)
        return self._places[here] + int((at_ns - self._moments[here]) * self._rates[here])

    def when(self, place: int) -> int:
        """The first moment at which belt time is `place`."""
        while self._places[-1] <= place:
            self._go_on()
        here = max(0, bisect_right(self._places, place) - 1)
        return self._moments[here] + int(-(-(place - self._places[here]) // max(self._rates[here], 1e-3)))

    def _leg(self, lasts_ns: int) -> None:
        """Ends the leg after that time; the next one begins there, at the same speed for now."""
        self._moments.append(self._moments[-1] + lasts_ns)
        self._places.append(self._places[-1] + int(lasts_ns * self._rates[-1]))
        self._rates.append(self._rates[-1])

    def _go_on(self) -> None:
        before, stopped = self._rates[-1], self._rates[-1] == 0
        stops = not stopped and self._rng.random() < self._speeds.stop_share
        then = 0.0 if stops else self._rng.uniform(self._speeds.least, 1)
        steps = RAMP_NS // STEP_NS
        for step in range(1, steps + 1):
            self._rates[-1] = before + (then - before) * step / steps
            self._leg(STEP_NS)
        self._rates[-1] = then
        self._leg(int(self._rng.uniform(0.5, 1.5) * self._speeds.change_s * 1e9))
        if len(self._moments) > FORGOTTEN_AFTER:
            for legs in (self._moments, self._places, self._rates):
                del legs[: FORGOTTEN_AFTER // 2]
