"""Starts the nightly retraining at its time of day, in a process of its own at the lowest priority.

On a plant a systemd timer does this; here the station does it for a line on a laptop.
"""

import argparse
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

from line_inspector import runtime
from line_inspector.stop_flag import SUPERVISOR_PID
from line_inspector.wall_clock import wall_ns

LATEST_START = timedelta(minutes=10)  # a clock that has jumped, or a machine that slept, makes up for no night
ONE_DAY = timedelta(days=1)


def serve(station: runtime.Station, arguments: argparse.Namespace) -> None:
    """Runs until told to stop; a retraining under way is then told to stop too, and publishes nothing."""
    os.nice(19)  # handed on to the retraining
    night = Night(station.line.training.at, _now())
    child: subprocess.Popen[bytes] | None = None
    for _ in station.turns():
        if child and child.poll() is not None:
            station.log.info("retraining ended with code %d", child.returncode)
            station.counters["failed" if child.returncode else "completed"] += 1
            child, station.state = None, "serving"
        if night.comes(_now()) and child is None:
            child, station.state = _start(arguments.line_file), "training"
    if child:
        child.terminate()
        child.wait()


class Night:
    """Says, once a day, that it is `at` (HH:MM) by the clock, however that clock is set meanwhile."""

    def __init__(self, at: str, now: datetime) -> None:
        self._at = at
        self._due = next_time(at, now)

    def comes(self, now: datetime) -> bool:
        """True once, at the first look after `at`, unless the clock has jumped over it."""
        comes = self._due <= now < self._due + LATEST_START
        if not now < self._due <= now + ONE_DAY:
            self._due = next_time(self._at, now)
        return comes


def next_time(at: str, now: datetime) -> datetime:
    """The first moment after `now` at which a clock shows `at` (HH:MM)."""
    today = now.replace(hour=int(at[:2]), minute=int(at[3:]), second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def _now() -> datetime:
    return datetime.fromtimestamp(wall_ns() / 1e9)


def _start(line_file: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "line_inspector", "retrain", str(line_file)]
    environment = {**os.environ, SUPERVISOR_PID: str(os.getpid())}  # it stops when this station is gone
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0, env=environment)


if __name__ == "__main__":
    runtime.main("trainer", serve)
