"""Is a station alive? It is dead once it has been silent for as long as its stream's row allows."""

from line_inspector.streams import Stream


class Liveness:
    """Watches one sender of a stream with a declared rate; the time before its first message counts from `now_ns`."""

    def __init__(self, stream: Stream, now_ns: int) -> None:
        self._dead_after_ns = stream.dead_after_ns
        self._started_ns = self._seen_ns = now_ns

    def seen(self, sent_ns: int) -> None:
        """A message that was sent then has arrived."""
        self._seen_ns = max(self._seen_ns, sent_ns)

    def dead(self, now_ns: int) -> bool:
        """True once the sender has been silent for too long."""
        return now_ns - self._seen_ns > self._dead_after_ns

    def alive(self, now_ns: int) -> bool:
        """True once it has been heard, until it is dead."""
        return self._seen_ns > self._started_ns and not self.dead(now_ns)
