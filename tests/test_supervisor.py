"""supervisor.py with real, tiny processes in the places of the stations."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from line_inspector import supervisor as module
from line_inspector.config import EncoderSettings, Line, ModbusCounterSettings, WorkerSettings
from line_inspector.errors import InputError
from line_inspector.line_file import read_line_file
from line_inspector.stop_flag import StopFlag
from line_inspector.supervisor import Supervised, Supervisor, stop_signals
from stations import STATIONS

SLEEP = "import time; time.sleep(60)"
REFUSE = """
import sys
print("2026-01-01 00:00:00,000 ERROR {kind}: /parts: no such folder. Check the path", file=sys.stderr)
print("2026-01-01 00:00:00,000 INFO decision: all is well", file=sys.stderr)
sys.exit(2)
"""
CRASH = """
import logging, sys
logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
try:
    int("three")
except ValueError:
    logging.getLogger("world").exception("world failed")
sys.exit(1)
"""
ALIVE = """
import sys, time
from pathlib import Path
from line_inspector.bus import Bus
from line_inspector.messages import Health
from line_inspector.streams import HEALTH
health = Bus(Path(sys.argv[1])).publisher(HEALTH, sys.argv[2])
while True:
    health.send(Health(station=sys.argv[2], pid=1, sent_ns=time.monotonic_ns(), state="serving", counters={}))
    time.sleep(0.05)
"""
DIARY = """
import signal, sys, time
def end(*_):
    with open(sys.argv[1], "a") as diary:
        diary.write(sys.argv[2] + "\\n")
    sys.exit()
signal.signal(signal.SIGTERM, end)
open(sys.argv[1] + "." + sys.argv[2], "w").close()
time.sleep(60)
"""


@pytest.fixture
def line(tmp_path: Path) -> Line:
    (tmp_path / "line.yaml").write_text(
        "{line: t, recipe: disc, data_dir: d, belt: {speed_mm_s: 250}, simulation: {}, cameras: {top:"
        " {source: {kind: simulated}, trigger: {kind: line}, to_gate_mm: 250}}}"
    )
    (tmp_path / "d").mkdir()
    return read_line_file(tmp_path / "line.yaml")


@pytest.fixture
def supervise(line: Line) -> Iterator[Callable[..., Supervisor]]:
    """Makes a supervisor of these processes; it is stopped at the end."""
    made = []

    def make(*processes: Supervised, with_world: bool = False, log_file: Path | None = None) -> Supervisor:
        line_file = line.data_dir.parent / "line.yaml"
        supervisor = Supervisor(line, line_file, with_world=with_world, log_file=log_file)
        world = [item for item in supervisor.processes if item.name == "world"]
        supervisor.processes = [*processes, *world]
        made.append(supervisor)
        return supervisor

    yield make
    for supervisor in made:
        supervisor.stop()


def python(name: str, program: str, *arguments: object, on_a_parts_way: bool = True) -> Supervised:
    return Supervised(name, [sys.executable, "-c", program, *map(str, arguments)], on_a_parts_way)


def tend(supervisor: Supervisor, until: Callable[[], bool]) -> None:
    assert supervisor.tend_until(until, 30, StopFlag())


def test_exactly_the_stations_without_a_share_of_a_parts_time_only_watch(line: Line, tmp_path: Path) -> None:
    supervisor = Supervisor(line, tmp_path / "line.yaml", with_world=True)
    watching = {item.name for item in supervisor.processes if not item.on_a_parts_way}
    supervisor.stop()
    assert watching == {"overlay", "trainer"}
    kinds = {kind.name for kind in STATIONS if kind.per not in ("worker", "counter")} | {"world"}
    assert {item.kind for item in supervisor.processes} == kinds, "a line that names no workers and no counter has none"
    assert {kind for kinds, _ in module.STOP_ORDER for kind in kinds} == {kind.name for kind in STATIONS} | {"world"}


def test_of_the_workers_only_those_of_this_host_are_started(line: Line, tmp_path: Path) -> None:
    workers = {
        "near": WorkerSettings(host="local"),
        "far": WorkerSettings(host="tcp://192.0.2.1:5570", keys=tmp_path / "keys"),
    }
    inference = line.inference.model_copy(update={"workers": workers})
    shared = line.model_copy(update={"inference": inference})
    supervisor = Supervisor(shared, tmp_path / "line.yaml", with_world=False)
    supervisor.stop()
    (worker,) = [item for item in supervisor.processes if item.kind == "worker"]
    assert worker.name == "worker.near" and worker.on_a_parts_way
    assert worker.command[-3:] == [str(tmp_path / "line.yaml"), "--worker", "near"]


def test_a_line_whose_encoder_has_a_source_has_a_station_that_reads_it(line: Line, tmp_path: Path) -> None:
    source = ModbusCounterSettings(kind="modbus", host="192.0.2.1", address=0)
    encoder = EncoderSettings(mm_per_count=0.1, source=source)
    counted = line.model_copy(update={"belt": line.belt.model_copy(update={"encoder": encoder})})
    supervisor = Supervisor(counted, tmp_path / "line.yaml", with_world=False)
    supervisor.stop()
    (station,) = [item for item in supervisor.processes if item.kind == "encoder"]
    assert station.name == "encoder" and station.on_a_parts_way
    assert station.command[-2:] == ["stations.encoder", str(tmp_path / "line.yaml")]


def test_a_station_that_only_watches_is_retried_with_a_growing_pause(
    supervise: Callable[..., Supervisor], caplog: pytest.LogCaptureFixture
) -> None:
    overlay = python("overlay", REFUSE.format(kind="overlay"), on_a_parts_way=False)
    decision = python("decision", SLEEP)
    supervisor = supervise(decision, overlay)
    with caplog.at_level(logging.WARNING, "run"):
        tend(supervisor, lambda: overlay.restarts == 3)
    pauses = [float(record.getMessage().split()[-2]) for record in caplog.records]
    assert pauses == [0.5, 1.0, 2.0]
    assert decision.running and decision.restarts == 0


def test_a_station_that_is_killed_again_and_again_is_back_each_time_at_once(
    supervise: Callable[..., Supervisor], caplog: pytest.LogCaptureFixture
) -> None:
    decision = python("decision", SLEEP)
    supervisor = supervise(decision)
    with caplog.at_level(logging.WARNING, "run"):
        for kills in range(6):
            tend(supervisor, lambda kills=kills: decision.restarts == kills and decision.running)
            assert decision.process
            decision.process.kill()
        tend(supervisor, lambda: decision.restarts == 6)
    pauses = [float(record.getMessage().split()[-2]) for record in caplog.records]
    assert len(pauses) == 6 and max(pauses) <= 0.5


@pytest.mark.parametrize("name", ["decision", "capture.top", "inference#2"])
def test_a_station_on_a_parts_way_that_refuses_its_first_start_is_fatal_and_quoted(
    supervise: Callable[..., Supervisor], tmp_path: Path, name: str
) -> None:
    refusing = python(name, REFUSE.format(kind=name.split(".")[0].split("#")[0]))
    supervisor = supervise(refusing, log_file=tmp_path / "line.log")
    with pytest.raises(InputError) as refused:
        tend(supervisor, lambda: False)
    assert str(refused.value) == f"station {name}: refused its input. /parts: no such folder. Check the path"


def test_without_a_log_file_the_message_stands_on_the_terminal(supervise: Callable[..., Supervisor]) -> None:
    supervisor = supervise(python("decision", REFUSE.format(kind="decision")))
    with pytest.raises(InputError, match="Its own message above"):
        tend(supervisor, lambda: False)


def test_a_crash_is_quoted_with_its_exception_and_not_with_what_an_earlier_process_said(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    log_file = tmp_path / "line.log"
    log_file.write_text("2026-01-01 00:00:00,000 ERROR world: an old story\n")
    world, silent = python("world", CRASH), python("decision", "raise SystemExit(3)")
    supervisor = supervise(log_file=log_file)
    supervisor._start(world, 0.0)
    supervisor._start(silent, 0.0)
    assert world.process and silent.process
    codes = [item.process.wait(30) for item in (world, silent)]
    said = str(supervisor.failure(world, codes[0]))
    assert said.startswith("station world: ended with code 1. world failed: ValueError: invalid literal")
    assert str(supervisor.failure(silent, codes[1])) == f"station decision: ended with code 3. Read {log_file}"


def test_processes_end_in_the_order_in_which_they_need_each_other(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    names = ["decision", "inference", "inference#2", "worker.near", "capture.top", "capture.side", "overlay", "trainer"]
    supervisor = supervise(*(python(name, DIARY, diary, name) for name in names))
    world = python("world", DIARY, diary, "world")
    supervisor._start(world, 0.0)
    tend(supervisor, lambda: all((tmp_path / f"diary.{name}").exists() for name in [*names, "world"]))
    supervisor.stop([world])
    ended = diary.read_text().split()
    assert ended[0] == "world"
    assert set(ended[1:3]) == {"capture.top", "capture.side"}
    assert set(ended[3:8]) == {"decision", "inference", "inference#2", "overlay", "trainer"}
    assert ended[8:] == ["worker.near"]
    assert not any(item.running for item in [world, *supervisor.processes])


def test_who_does_not_end_in_time_is_killed(
    supervise: Callable[..., Supervisor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_ORDER", ((("capture",), 0.2), (("decision",), 0.2)))
    deaf = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " open(sys.argv[1], 'w').close(); time.sleep(60)"
    )
    capture = python("capture.top", deaf, tmp_path / "deaf")
    supervisor = supervise(capture, python("decision", SLEEP))
    tend(supervisor, (tmp_path / "deaf").exists)
    supervisor.stop()
    assert capture.process and capture.process.returncode == -signal.SIGKILL


def test_the_world_starts_only_when_decision_and_every_camera_are_alive(
    supervise: Callable[..., Supervisor], line: Line
) -> None:
    late = python("capture.top", ALIVE, line.sockets_dir, "capture.top")
    late.restart_at_s = time.monotonic() + 2.0
    supervisor = supervise(python("decision", ALIVE, line.sockets_dir, "decision"), late, with_world=True)
    world = supervisor.processes[-1]
    world.command = [sys.executable, "-c", SLEEP]
    tend(supervisor, lambda: "decision" in supervisor.alive)
    assert not world.running
    tend(supervisor, lambda: world.running)
    assert set(supervisor.alive) == {"decision", "capture.top"}


def test_a_line_has_one_supervisor_at_a_time(supervise: Callable[..., Supervisor], line: Line) -> None:
    first = supervise(python("decision", SLEEP))
    with pytest.raises(InputError, match="already running here"):
        supervise(python("decision", SLEEP))
    first.stop()
    supervise(python("decision", SLEEP))


def test_a_signal_ends_the_wait_and_interrupts_nothing(supervise: Callable[..., Supervisor]) -> None:
    before = signal.getsignal(signal.SIGINT)
    supervisor = supervise(python("decision", SLEEP))
    with stop_signals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert not supervisor.tend_until(lambda: False, 30, stop)
        assert stop.is_set
    assert signal.getsignal(signal.SIGINT) is before
