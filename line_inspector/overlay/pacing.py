"""Chooses which parts of a camera are shown: at most so many a second, and a reject is never hidden by an accept."""

from line_inspector.messages import Result

HOLD_REJECT_NS = 1_500_000_000  # so long a reject stays before an accept takes its place: long enough to be seen


class Pacer:
    """One camera's next part to show. Ask `due` often; it answers at most once per interval."""

    def __init__(self) -> None:
        self._waiting: Result | None = None
        self._shown_ns: int | None = None
        self._shows_reject = False

    def offer(self, result: Result) -> Result | None:
        """A newly decided part. The answer is a reject that lost its place to a newer reject."""
        waiting = self._waiting
        if waiting and result.accepted and not waiting.accepted:
            return None
        self._waiting = result
        return waiting if waiting and not waiting.accepted else None

    def due(self, now_ns: int, accept_interval_ns: int, reject_interval_ns: int) -> Result | None:
        """The part to show now, if there is one and the last was shown its kind's interval ago.

        A shown reject gives way to an accept only after HOLD_REJECT_NS, to another reject at once.
        """
        waiting = self._waiting
        if not waiting:
            return None
        interval_ns = accept_interval_ns if waiting.accepted else reject_interval_ns
        if waiting.accepted and self._shows_reject:
            interval_ns = max(interval_ns, HOLD_REJECT_NS)
        if self._shown_ns is not None and now_ns - self._shown_ns < interval_ns:
            return None
        self._waiting, self._shown_ns, self._shows_reject = None, now_ns, not waiting.accepted
        return waiting
