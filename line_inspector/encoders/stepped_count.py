"""When a count was true that is brought up to date once in a PLC's cycle, and read in between."""

from line_inspector.messages import Encoder


class SteppedCount:
    """Readings as moments at which the belt was at that count, each with its own uncertainty.

    What is read was true at some moment of the cycle before. A count that has changed since the last reading has
    changed since then: it is told of the middle of what is possible. One that has not changed may only be waiting for
    the PLC's next cycle, so it says nothing of now; but a cycle ago the belt, which only goes forward, was there still,
    if it had come there by then.
    """

    def __init__(self, cycle_ns: int) -> None:
        self._cycle_ns = cycle_ns
        self._count: int | None = None
        self._asked_ns = 0  # of the last reading
        self._there_ns = 0  # by then at the latest the count was what it is

    def reading(self, count: int, asked_ns: int, answered_ns: int) -> Encoder | None:
        """What to publish of a count that was read between two moments; None where it tells nothing new."""
        before_ns, self._asked_ns = self._asked_ns, asked_ns
        cycle_ago_ns = asked_ns - self._cycle_ns
        if count != self._count:
            self._count, self._there_ns = count, answered_ns
            earliest_ns = max(cycle_ago_ns, before_ns)
            middle_ns = (earliest_ns + answered_ns) // 2
            return Encoder(count=count, read_ns=middle_ns, uncertain_ns=answered_ns - middle_ns)
        if cycle_ago_ns < self._there_ns:
            return None
        return Encoder(count=count, read_ns=cycle_ago_ns)
