"""The sensor over the simulated reject bin: counts what falls past it, misses some, and says when the bin is full."""

import random
import threading
from dataclasses import dataclass

from line_inspector.config import SimulationSettings

COUNTER = 2**16
LARGEST_RUN = 2**16 - 1


@dataclass(frozen=True)
class BinState:
    """What the sensor shows: its counter, which wraps at 2^16, when it last counted, and whether the bin is full."""

    count: int = 0
    seen_ns: int = 0
    full: bool = False


class BinSensor:
    """Methods may be called from any thread. `run` is another number for each start of the world."""

    def __init__(self, settings: SimulationSettings | None) -> None:
        settings = settings or SimulationSettings()
        self.run = random.randint(1, LARGEST_RUN)
        self._missed_share, self._capacity = settings.bin_missed_share, settings.bin_capacity
        self._rng = random.Random(f"{settings.seed} bin")
        self._fallen = 0
        self._state = BinState()
        self._lock = threading.Lock()

    @property
    def state(self) -> BinState:
        """What it shows now."""
        return self._state

    def falls(self, now_ns: int) -> None:
        """A part falls into the bin."""
        with self._lock:
            self._fallen += 1
            seen = self._rng.random() >= self._missed_share
            before = self._state
            self._state = BinState(
                count=(before.count + seen) % COUNTER,
                seen_ns=now_ns if seen else before.seen_ns,
                full=self._capacity is not None and self._fallen >= self._capacity,
            )
