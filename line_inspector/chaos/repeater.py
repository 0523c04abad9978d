"""Does something again and again while a fault lasts."""

import threading
from collections.abc import Callable


class Repeater:
    """Calls `act` every `period_s` seconds in a thread of its own, from now until `stop`."""

    def __init__(self, act: Callable[[], None], period_s: float) -> None:
        self._act, self._period_s = act, period_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when `act` is not called any more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._period_s):
            self._act()
