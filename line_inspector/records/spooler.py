"""Alarms and challenges into the spool, at once, in a thread of its own: nobody waits for the disk."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from line_inspector.records.change_spool import ChangeSpool, Spooled
from line_inspector.records.outage import Outage


class Spooler:
    """Writes what is `put`, in order. Calls `grown` when something is in the spool, and `unspooled` with what is not,
    since the spool cannot be written; both in its thread."""

    def __init__(self, spool: ChangeSpool, grown: Callable[[], None], unspooled: Callable[[Spooled], None]) -> None:
        self._spool, self._grown, self._unspooled = spool, grown, unspooled
        self._waiting: queue.SimpleQueue[Spooled | None] = queue.SimpleQueue()
        self._outage = Outage("ledger", f"{spool.path} cannot be written", "Free space on that disk")
        self._thread = threading.Thread(target=self._run, name="spooler", daemon=True)
        self._thread.start()

    def put(self, one: Spooled) -> None:
        """Hands it over; never waits."""
        self._waiting.put(one)

    @property
    def alive(self) -> bool:
        """Whether its thread still writes."""
        return self._thread.is_alive()

    def close(self, timeout_s: float) -> bool:
        """Writes what waits, and ends the thread; False when the disk did not take it in time."""
        self._waiting.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        ended = False
        while not ended:
            some: list[Spooled | None] = [self._waiting.get()]
            with suppress(queue.Empty):
                while True:
                    some.append(self._waiting.get_nowait())
            self._write([one for one in some if one])
            ended = None in some

    def _write(self, some: list[Spooled]) -> None:
        try:
            if some:
                self._spool.add(*some)
        except OSError as e:
            self._outage.begin(e.strerror)
            for one in some:
                self._unspooled(one)
        else:
            self._outage.end()
            self._grown()
