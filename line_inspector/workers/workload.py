"""What one worker has in hand, and when it would answer one more frame: an estimate from its own answers."""

MOST_IN_FLIGHT = 32  # frames of one worker, each of which may be megabytes on their way
MOST_WAITING = 2 * MOST_IN_FLIGHT  # at a worker, or in the queue of a socket: nobody is sent so many
FIRST_GUESS_NS = 50_000_000
GAIN = 0.2
LEAST_PATIENCE_NS = 50_000_000
DOUBT_NS = 1_000_000_000  # how long a worker that did not answer at all gets only what nobody else can take


class Workload:
    """Frames that wait for a worker's answer, and how fast its answers have come.

    A worker answers frames one after the other, or in batches. `round_trip_ns` is what a message and its answer take
    when nothing has to be inferred; `service_ns` is the pace of its answers while it has work.
    """

    def __init__(self) -> None:
        self.round_trip_ns = 0
        self.service_ns = FIRST_GUESS_NS
        self.last_sent_ns = 0
        self._known = False
        self._last_answer_ns = 0
        self._doubted_until_ns = 0
        self._sent_ns: dict[str, int] = {}
        self._overdue_ns: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._sent_ns)

    def __contains__(self, part_id: str) -> bool:
        return part_id in self._sent_ns

    def guess(self, latency_ns: int) -> None:
        """The worker's own word for one frame, until its answers tell more."""
        if not self._known and latency_ns > 0:
            self.service_ns = latency_ns

    def answers_at_ns(self, now_ns: int) -> int:
        """When one more frame would be answered."""
        return now_ns + self.round_trip_ns + (len(self) + 1) * self.service_ns

    def sent(self, part_id: str, now_ns: int) -> None:
        """The worker has this frame from now on."""
        expected_ns = self.answers_at_ns(now_ns)
        self._sent_ns[part_id] = self.last_sent_ns = now_ns
        self._overdue_ns[part_id] = expected_ns + max(LEAST_PATIENCE_NS, expected_ns - now_ns)

    def answered(self, part_id: str, now_ns: int) -> None:
        """The worker has answered; the next estimate knows how long that took."""
        sent_ns = self._sent_ns.get(part_id)
        self.forget(part_id)
        if sent_ns is None:
            return
        began_ns = max(sent_ns + self.round_trip_ns, self._last_answer_ns)
        took_ns = max(0, now_ns - began_ns)
        self.service_ns = int(self.service_ns + GAIN * (took_ns - self.service_ns)) if self._known else took_ns
        self._known, self._last_answer_ns, self._doubted_until_ns = True, now_ns, 0

    def expired(self, part_id: str, now_ns: int) -> None:
        """The part's deadline has passed without an answer."""
        if part_id in self:
            self._doubted_until_ns = now_ns + DOUBT_NS
            self.forget(part_id)

    def forget(self, part_id: str) -> None:
        """The part has been answered by another worker, or this one never got it."""
        self._sent_ns.pop(part_id, None)
        self._overdue_ns.pop(part_id, None)

    def overdue(self, now_ns: int) -> list[str]:
        """Frames that should have been answered long ago: something is wrong with the worker, or with the way to it."""
        return [part_id for part_id, late_ns in self._overdue_ns.items() if late_ns < now_ns]

    def is_doubtful(self, now_ns: int) -> bool:
        """Whether others should be asked first."""
        return now_ns < self._doubted_until_ns or any(late_ns < now_ns for late_ns in self._overdue_ns.values())

    def lose(self) -> list[str]:
        """The worker is gone with all that it had in hand: which frames these were."""
        lost = list(self._sent_ns)
        self._sent_ns.clear()
        self._overdue_ns.clear()
        self._known, self._doubted_until_ns = False, 0
        return lost

    @property
    def is_full(self) -> bool:
        """Whether it has as many frames as one worker may have."""
        return len(self) >= MOST_IN_FLIGHT
