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


def serve(station: runtime.Station, arguments: argparse.Namespace) -> None:
    """Runs until told to stop; a retraining under way is then told to stop too, and publishes nothing."""
    os.nice(19)  # handed on to the retraining
    at = station.line.training.at
    due = next_time(at, datetime.now())
    child: subprocess.Popen[bytes] | None = None
    for _ in station.turns():
        if child and child.poll() is not None:
            station.log.info("retraining ended with code %d", child.returncode)
            station.counters["failed" if child.returncode else "completed"] += 1
            child, station.state = None, "serving"
        if datetime.now() >= due:
            due = next_time(at, datetime.now())
            if child is None:
                child, station.state = _start(arguments.line_file), "training"
    if child:
        child.terminate()
        child.wait()


def next_time(at: str, now: datetime) -> datetime:
    """The first moment after `now` at which a clock shows `at` (HH:MM)."""
    today = now.replace(hour=int(at[:2]), minute=int(at[3:]), second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def _start(line_file: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "line_inspector", "retrain", str(line_file)]
    environment = {**os.environ, runtime.SUPERVISOR_PID: str(os.getpid())}  # it stops when this station is gone
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0, env=environment)


if __name__ == "__main__":
    runtime.main("trainer", serve)
