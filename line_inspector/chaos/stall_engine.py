"""stall_engine: the worker gets a tenth of the processor and less, in short slices, so that every verdict is late."""

import signal
import time

from line_inspector.chaos.fault import NotPossible
from line_inspector.chaos.repeater import Repeater
from line_inspector.chaos.victim import Victim
from line_inspector.supervisor import Supervised

SLICE_S = 0.02


class StallEngine:
    """Between slices the worker is stopped for a tenth to half of a second; it still gives signs of life."""

    def __init__(self, victim: Victim) -> None:
        self._victim = victim
        self._item: Supervised | None = None
        self._repeater: Repeater | None = None

    def inject(self) -> str:
        station = self._victim.one_of("worker" if self._victim.line.inference.workers else "inference")
        self._item = self._victim.serving(station)
        if not self._item:
            raise NotPossible(f"{station} is not alive")
        self._repeater = Repeater(self._stall, SLICE_S)
        return f"{1000 * SLICE_S:.0f} ms slices, 100 to 500 ms apart"

    def heal(self) -> None:
        if self._repeater:
            self._repeater.stop()

    def _stall(self) -> None:
        process = self._item.process if self._item else None
        if process:
            process.send_signal(signal.SIGSTOP)
            time.sleep(self._victim.rng.uniform(0.1, 0.5))
            process.send_signal(signal.SIGCONT)
