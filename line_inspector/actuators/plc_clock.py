"""What the PLC's clock shows at a moment of ours: bounds that always hold, from reading it over the network.

A PLC knows nothing of CLOCK_MONOTONIC. Its count, read between two moments of ours, bounds how far the clocks are
apart; every further reading narrows the bounds, and drift widens them again. A PLC's program sees its clock once in
each cycle, so a count stands for its own millisecond and a whole cycle after that.
"""

from line_inspector.actuators.plc_signals import CLOCK_MODULUS

NS_PER_COUNT = 1_000_000
DRIFT_PPM = 300  # of two quartz clocks against each other, at most


class PlcClock:
    """The bounds of (PLC time - our time), in ns, from its first reading on. `cycle_ms` is the PLC's longest cycle."""

    def __init__(self, cycle_ms: int, count: int, asked_ns: int, answered_ns: int) -> None:
        self._count_ns = (1 + cycle_ms) * NS_PER_COUNT
        self._low_ns, self._high_ns = self._bounds(count, asked_ns, answered_ns)
        self._read_ns = answered_ns

    @property
    def uncertainty_ns(self) -> int:
        """Width of the bounds at the last reading."""
        return self._high_ns - self._low_ns

    def read(self, count: int, asked_ns: int, answered_ns: int) -> bool:
        """Narrows the bounds by another reading. False when the PLC's clock has jumped: then this one means nothing."""
        drift_ns = _drift(answered_ns - self._read_ns)
        low_ns, high_ns = self._low_ns - drift_ns, self._high_ns + drift_ns
        new_low_ns, new_high_ns = self._bounds(self._unwrapped(count, asked_ns), asked_ns, answered_ns)
        self._low_ns, self._high_ns = max(low_ns, new_low_ns), min(high_ns, new_high_ns)
        self._read_ns = answered_ns
        return self._low_ns <= self._high_ns

    def window(self, start_ns: int, end_ns: int) -> tuple[int, int] | None:
        """(First, last) count of the PLC that surely lie between these moments of ours; None when no count does."""
        drift_ns = _drift(max(0, end_ns - self._read_ns))
        first = -(-(start_ns + self._high_ns + drift_ns) // NS_PER_COUNT)
        last = (end_ns + self._low_ns - drift_ns - self._count_ns) // NS_PER_COUNT
        return (first % CLOCK_MODULUS, last % CLOCK_MODULUS) if first <= last else None

    def _unwrapped(self, count: int, now_ns: int) -> int:
        """The count as if it never wrapped: the one nearest to what is expected."""
        expected = (now_ns + (self._low_ns + self._high_ns) // 2) // NS_PER_COUNT
        half = CLOCK_MODULUS // 2
        return expected + (count - expected + half) % CLOCK_MODULUS - half

    def _bounds(self, count: int, asked_ns: int, answered_ns: int) -> tuple[int, int]:
        """The clock showed `count` at some moment between asking and answer, and any part of what it stands for."""
        return count * NS_PER_COUNT - answered_ns, count * NS_PER_COUNT + self._count_ns - asked_ns


def _drift(elapsed_ns: int) -> int:
    return elapsed_ns * DRIFT_PPM // 1_000_000 + 1
