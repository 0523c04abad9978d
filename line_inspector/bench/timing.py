"""Durations summed up, and a budget of time shared among measurements."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NS_PER_MS = 1e6


@dataclass(frozen=True)
class Spread:
    """Median, 99th percentile and worst of some durations, in milliseconds; `count` is how many there were."""

    count: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


def spread(durations_ns: Sequence[int]) -> Spread:
    """Sum up at least one duration; percentiles are those of real ones, by the nearest rank."""
    p50, p99, worst = np.percentile(np.asarray(durations_ns) / NS_PER_MS, (50, 99, 100), method="inverted_cdf").tolist()
    return Spread(len(durations_ns), p50, p99, worst)


class Budget:
    """Seconds from now on."""

    def __init__(self, seconds: float) -> None:
        self._end_s = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """What is left; negative when it is overdrawn."""
        return self._end_s - time.monotonic()
