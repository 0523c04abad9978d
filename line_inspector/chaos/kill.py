"""kill_<station>: SIGKILL to the process that has the station's role."""

import signal

from line_inspector.chaos.fault import NotPossible
from line_inspector.chaos.victim import Victim


class Kill:
    """The supervisor starts it again; of the two workers, the other one takes over."""

    def __init__(self, victim: Victim, kind: str) -> None:
        self._victim, self._kind = victim, kind

    def inject(self) -> str:
        station = self._victim.one_of(self._kind)
        item = self._victim.serving(station)
        if not item or not item.process:
            raise NotPossible(f"{station} is not alive")
        item.process.send_signal(signal.SIGKILL)
        return f"SIGKILL to {station}"

    def heal(self) -> None:
        """The line's own work."""
