"""A count that only ever rises, out of a counter that wraps, trembles, and may be set back."""

from line_inspector.encoders.counter import RawCount
from line_inspector.tracking.encoded_belt import farthest

TREMBLE_COUNTS = 2  # a belt that stands lets an encoder flicker between neighbours
TREMBLE_NS = 5_000_000  # belt time; it rolls back a little when it stops
BEGINS_LOWER = 20  # belt time, for each nanosecond since the beginning before; the belt runs FASTEST at most


class RisingCount:
    """The belt's way in counts, from an arbitrary beginning.

    Of all ways that the belt may have gone between two readings, the plausible one counts: forward by no more than it
    can have run meanwhile, across a wrap too, or back by as little as a belt trembles. Anything else is no way at all:
    the counter was reset, set, or ran backwards, and so it is when nobody looked for `silent_after_ns`. Then the count
    begins anew, and falls, by which decision knows. A beginning is told as minus the clock, in counts of
    a belt faster than any: so it is a fall, too, when it is another process that begins, or when it is heard late.
    """

    def __init__(self, ns_per_count: float, cycle_ns: int, silent_after_ns: int) -> None:
        self._ns_per_count, self._cycle_ns, self._silent_after_ns = ns_per_count, cycle_ns, silent_after_ns
        self._last: RawCount | None = None
        self._highest = 0  # the counter's value at `count`; it may lie a little lower since
        self.count = 0
        self.beginnings = 0

    def follow(self, raw: RawCount) -> bool:
        """Takes the next reading into `count`; False where the count begins anew."""
        last, self._last = self._last, raw
        if last and last.bits == raw.bits and raw.asked_ns - last.answered_ns <= self._silent_after_ns:
            gone = (raw.value - self._highest) % 2**raw.bits
            if self._can_have_gone(gone, raw.answered_ns - last.asked_ns + self._cycle_ns):
                self.count += gone
                self._highest = raw.value
                return True
            back = 2**raw.bits - gone
            if back <= max(TREMBLE_COUNTS, TREMBLE_NS / self._ns_per_count):
                return True
        self._begin(raw)
        return False

    def _can_have_gone(self, counts: int, within_ns: int) -> bool:
        return counts * self._ns_per_count <= farthest(within_ns, self._ns_per_count)

    def _begin(self, raw: RawCount) -> None:
        self.count = -int(BEGINS_LOWER * raw.answered_ns / self._ns_per_count)
        self._highest = raw.value
        self.beginnings += 1
