"""How late a message is, between two clocks of which nothing is known but that they run equally fast."""

from collections import deque

REMEMBERED_NS = 20_000_000_000  # in which two clocks drift apart by less than a millisecond


class Delay:
    """Of each message, how much longer it was under way than the fastest of the last REMEMBERED_NS.

    Sender's and receiver's clock may differ by years. What the fastest message took cannot be known, and is left to the
    sender, who knows how long an answer takes to come back.
    """

    def __init__(self) -> None:
        self._fastest: deque[tuple[int, int]] = deque()  # (arrival, difference of the clocks), differences rising

    def of(self, sent_ns: int, arrived_ns: int) -> int:
        """The delay, at least 0, of a message that was sent and arrived then, each by its own clock."""
        difference_ns = arrived_ns - sent_ns
        while self._fastest and self._fastest[-1][1] >= difference_ns:
            self._fastest.pop()
        self._fastest.append((arrived_ns, difference_ns))
        while self._fastest[0][0] < arrived_ns - REMEMBERED_NS:
            self._fastest.popleft()
        return difference_ns - self._fastest[0][1]
