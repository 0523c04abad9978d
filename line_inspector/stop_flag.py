"""Whether a process is to stop."""

import os
import time
from types import FrameType

SUPERVISOR_PID = "LINE_INSPECTOR_SUPERVISOR_PID"  # in the environment of what a supervisor starts


class StopFlag:
    """Set by SIGTERM or SIGINT, or by the station itself, or `orphan_grace_s` after its supervisor has died."""

    def __init__(self, orphan_grace_s: float = 0.0) -> None:
        self._requested = False
        self._orphan_grace_s = orphan_grace_s
        self._orphaned_at_s: float | None = None
        self._supervisor_pid = int(os.environ.get(SUPERVISOR_PID, "0"))

    @property
    def is_set(self) -> bool:
        if self._requested or not self.orphaned:
            return self._requested
        if self._orphaned_at_s is None:
            self._orphaned_at_s = time.monotonic()
        return time.monotonic() - self._orphaned_at_s >= self._orphan_grace_s

    @property
    def orphaned(self) -> bool:
        """Whether the supervisor that started this station has died; stations under systemd have none."""
        return bool(self._supervisor_pid) and os.getppid() != self._supervisor_pid

    def set(self) -> None:
        self._requested = True

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._requested = True
