"""Chooses which parts of a camera are shown: at most so many a second, and a reject is never hidden by an accept."""

from line_inspector.messages import Result


class Pacer:
    """One camera's next part to show. Ask `due` often; it answers at most once per interval."""

    def __init__(self) -> None:
        self._waiting: Result | None = None
        self._shown_ns: int | None = None

    def offer(self, result: Result) -> Result | None:
        """A newly decided part. The answer is a reject that lost its place to a newer reject."""
        waiting = self._waiting
        if waiting and result.accepted and not waiting.accepted:
            return None
        self._waiting = result
        return waiting if waiting and not waiting.accepted else None

    def due(self, now_ns: int, accept_interval_ns: int, reject_interval_ns: int) -> Result | None:
        """The part to show now, if there is one and the last was shown its kind's interval ago."""
        waiting = self._waiting
        if not waiting:
            return None
        interval_ns = accept_interval_ns if waiting.accepted else reject_interval_ns
        if self._shown_ns is not None and now_ns - self._shown_ns < interval_ns:
            return None
        self._waiting, self._shown_ns = None, now_ns
        return waiting
