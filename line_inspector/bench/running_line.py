"""The line at work: its stations as processes of their own, the world in this one."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from line_inspector.bench.bench_line import Subject
from line_inspector.bench.trial import Trial
from line_inspector.errors import InputError
from line_inspector.records.reading import read_parts
from line_inspector.ring import remove_orphans
from line_inspector.runtime import Station
from line_inspector.simulation.__main__ import serve
from line_inspector.simulation.record import read_world_record
from line_inspector.stop_flag import StopFlag
from line_inspector.supervisor import Supervisor

PATIENCE_S = 240.0
ON_A_PARTS_WAY = ("decision", "inference", "capture")  # nobody watches, and nobody stands by


class RunningLine:
    """Stations that serve."""

    def __init__(self, subject: Subject, supervisor: Supervisor, stop: StopFlag) -> None:
        self._subject, self._supervisor, self._stop = subject, supervisor, stop

    def trial(self, cameras: int, rate_hz: float, seconds: float) -> Trial:
        """Puts parts on the belt for so long, `rate_hz` in all, evenly among the first `cameras`.

        Returns when all have passed the gate and are in the ledger, or after half a minute. Raises KeyboardInterrupt
        when told to stop.
        """
        self._supervisor.tend()
        given = self._subject.line
        assert given.simulation
        simulation = given.simulation.model_copy(update={"rate_hz": rate_hz / cameras})
        shown = dict(list(given.cameras.items())[:cameras])
        line = given.model_copy(update={"cameras": shown, "simulation": simulation})
        line.world_record_path.unlink(missing_ok=True)
        world = Station("world", line, self._stop)
        try:
            serve(world, argparse.Namespace(parts=None, seconds=seconds))
        finally:
            world.close()
        if self._stop.is_set:
            raise KeyboardInterrupt
        parts = list(read_world_record(line.world_record_path))
        own = {part.part_id for part in parts}  # the ledger holds earlier trials', too
        rows = {row.part_id: row for row in read_parts(line.ledger_url) if row.part_id in own}
        return Trial(cameras, rate_hz, parts, rows)


@contextmanager
def running_line(subject: Subject, log: Path, stop: StopFlag) -> Iterator[RunningLine]:
    """Starts the stations, and ends them. Raises InputError where one does not serve, KeyboardInterrupt if stopped."""
    supervisor = Supervisor(subject.line, subject.line_file, with_world=False, log_file=log)
    supervisor.processes = [item for item in supervisor.processes if item.name.partition(".")[0] in ON_A_PARTS_WAY]
    needed = {item.name for item in supervisor.processes}
    try:
        if not supervisor.tend_until(lambda: needed <= supervisor.alive.keys(), PATIENCE_S, stop):
            if stop.is_set:
                raise KeyboardInterrupt
            missing = ", ".join(sorted(needed - supervisor.alive.keys()))
            last = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-1:])
            raise InputError(
                f"did not start: {missing}", "line", last or "Try line-inspector run with the same line file"
            )
        yield RunningLine(subject, supervisor, stop)
    finally:
        supervisor.stop()
        remove_orphans(subject.line.ring_owner, ())
