"""A line that is stopped in order raises no alarm about stations that have left: the real decision, a slow worker."""

import sys
from pathlib import Path

from sqlalchemy import select

from line_inspector.line_file import read_line_file
from line_inspector.records.reading import reading
from line_inspector.records.schema import audit
from line_inspector.stop_flag import StopFlag
from line_inspector.supervisor import Supervised, Supervisor

LINE = (
    "{line: t, recipe: disc, data_dir: d, belt: {speed_mm_s: 250}, alarms: {hold_s: 0.3}, cameras: {top:"
    " {source: {kind: simulated}, trigger: {kind: line}, to_gate_mm: 250}}}"
)
SLOW_TO_STOP = """
import signal, sys, time
from pathlib import Path
from line_inspector.bus import Bus
from line_inspector.messages import Health
from line_inspector.streams import HEALTH
health = Bus(Path(sys.argv[1])).publisher(HEALTH, "inference")
def end(*_):
    time.sleep(5)
    sys.exit()
signal.signal(signal.SIGTERM, end)
while True:
    health.send(Health(station="inference", pid=1, sent_ns=time.monotonic_ns(), state="serving", counters={}))
    time.sleep(0.05)
"""
STOPPED_AFTER_S = 1.0  # until then decision has heard of the worker


def test_a_worker_that_is_slow_to_stop_is_no_alarm(tmp_path: Path) -> None:
    path = tmp_path / "line.yaml"
    path.write_text(LINE)
    line = read_line_file(path)
    supervisor = Supervisor(line, path, with_world=False)
    try:
        worker = Supervised("inference", [sys.executable, "-c", SLOW_TO_STOP, str(line.sockets_dir)])
        supervisor.processes = [worker, *(item for item in supervisor.processes if item.kind == "decision")]
        assert supervisor.tend_until(lambda: len(supervisor.alive) == 2, 60, StopFlag())
        assert not supervisor.tend_until(lambda: False, STOPPED_AFTER_S, StopFlag())
    finally:
        supervisor.stop()
    assert worker.process and worker.process.returncode == 0, "it was given the time"
    with reading(line.ledger_url) as connection:
        actions = connection.execute(select(audit.c.action)).scalars().all()
    assert actions and not [action for action in actions if action.startswith("alarm.")]
