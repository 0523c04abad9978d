"""How long a batch takes on this machine: measured once at start, corrected by every batch since."""

from collections import deque
from statistics import median

RECENT_BATCHES = 9


class LatencyEstimate:
    """Time per batch, by batch size: the median of the recent batches of that size.

    The median forgets one slow batch at once, and follows a machine that has become slower or faster within five.
    """

    def __init__(self) -> None:
        self._recent_ns: dict[int, deque[int]] = {}

    def record(self, batch_size: int, duration_ns: int) -> None:
        self._recent_ns.setdefault(batch_size, deque(maxlen=RECENT_BATCHES)).append(duration_ns)

    def latency_ns(self, batch_size: int) -> int:
        """Estimate a batch of `batch_size`; a size not seen yet is put on a line through its nearest seen neighbours.

        Raises ValueError before the first record.
        """
        if not self._recent_ns:
            raise ValueError("no batch was timed yet")
        if batch_size in self._recent_ns:
            return int(median(self._recent_ns[batch_size]))
        below = max((size for size in self._recent_ns if size < batch_size), default=None)
        above = min((size for size in self._recent_ns if size > batch_size), default=None)
        if below is None:
            return self.latency_ns(above) if above is not None else 0
        if above is None:
            return self.latency_ns(below) * batch_size // below
        share = (batch_size - below) / (above - below)
        return round(self.latency_ns(below) * (1 - share) + self.latency_ns(above) * share)
