"""A part's window at the gate: as wide as the line file says, but never beyond the middle to a neighbour.

Places are belt times in nanoseconds, see `line_inspector/tracking/belt.py`: the belt time at which something is before
the gate.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from line_inspector.config import NS_PER_MS, GateSettings


@dataclass(frozen=True)
class Reach:
    """What the gate can do: `half_ns` is half of its window, `least_half_ns` half of the shortest that it can hold."""

    half_ns: int
    least_half_ns: int

    @property
    def vaguest_ns(self) -> int:
        """How uncertain a reading of the belt may be: twice that, at trigger and gate, leaves of a window the least.

        Where the window is the least already, so much all the same: otherwise no reading would do.
        """
        return max(self.half_ns - self.least_half_ns, self.least_half_ns)

    @classmethod
    def of(cls, gate: GateSettings) -> "Reach":
        """Of the gate in the line file."""
        return cls(int(gate.window_ms * NS_PER_MS) // 2, int(gate.least_window_ms * NS_PER_MS) // 2)


@dataclass(frozen=True)
class Span:
    """A stretch of the belt, from `start` to `end`, both included; empty when `end` is smaller."""

    start: int
    end: int

    def shared_with(self, other: "Span") -> "Span":
        """What lies in both."""
        return Span(max(self.start, other.start), min(self.end, other.end))

    def apart_from(self, other: "Span", place: int) -> "Span":
        """What of this one, which is `place`'s, does not lie in `other`; empty when `place` itself does."""
        if other.end < self.start or self.end < other.start:
            return self
        if other.start > place:
            return Span(self.start, other.start - 1)
        return Span(other.end + 1, self.end)

    def reaches_around(self, places: Iterable[int], half: int) -> bool:
        """Whether it holds all that is within `half` of each of these places."""
        return all(self.start <= place - half and place + half <= self.end for place in places)


def clipped(reach: Reach, place: int, free_from: int, free_until: int) -> Span:
    """The window around `place` of a part whose neighbours lie at `free_from` and `free_until`, or farther away.

    It ends in the middle to each of them, so that the windows of two neighbours, each clipped by the other's place,
    share nothing.
    """
    before, behind = place - free_from, free_until - place - 1
    return Span(place - min(reach.half_ns, before // 2), place + min(reach.half_ns, behind // 2))
