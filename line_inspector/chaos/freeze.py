"""freeze_<station>: SIGSTOP to the process that has the station's role, SIGCONT after a while."""

import signal

from line_inspector.chaos.fault import NotPossible
from line_inspector.chaos.victim import Victim
from line_inspector.supervisor import Supervised


class Freeze:
    """The process keeps its lock, its sockets and its memory, so nobody can take its place."""

    def __init__(self, victim: Victim, kind: str) -> None:
        self._victim, self._kind = victim, kind
        self._item: Supervised | None = None

    def inject(self) -> str:
        station = self._victim.one_of(self._kind)
        self._item = self._victim.serving(station)
        if not self._item or not self._item.process:
            raise NotPossible(f"{station} is not alive")
        self._item.process.send_signal(signal.SIGSTOP)
        return f"SIGSTOP to {station}"

    def heal(self) -> None:
        if self._item and self._item.process:
            self._item.process.send_signal(signal.SIGCONT)
