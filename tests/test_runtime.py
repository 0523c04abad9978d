import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from line_inspector.bus import Bus
from line_inspector.messages import Health
from line_inspector.stop_flag import SUPERVISOR_PID
from line_inspector.streams import HEALTH

PATIENCE_S = 20
LINE = """\
line: runtime-test
recipe: disc
data_dir: data
belt: {speed_mm_s: 250}
cameras:
  top:
    source: {kind: simulated}
    trigger: {kind: line}
    to_gate_mm: 300
"""
STATION = """
import sys, time
from line_inspector import runtime
from line_inspector.errors import InputError

def serve(station, arguments, prepared=None):
    station.log.info("serving as pid %d", __import__("os").getpid())
    for _ in station.turns():
        station.counters["turns"] += 1
        {body}
    station.log.info("clean end")

def add_camera(parser):
    parser.add_argument("--camera")

if __name__ == "__main__":
    {main}
"""
MAIN = 'runtime.main("dummy", serve, add_camera)'
STANDBY = 'runtime.main_with_standby("dummy", lambda line: line.line, serve)'


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a station process; whatever is left of them is killed in the end."""
    (tmp_path / "line.yaml").write_text(LINE)
    started: list[subprocess.Popen[str]] = []

    def start(body: str = "pass", main: str = MAIN, *options: str, **environment: str) -> subprocess.Popen[str]:
        program = tmp_path / f"station_{len(started)}.py"
        program.write_text(STATION.format(body=body, main=main))
        command = [sys.executable, str(program), *(options or (str(tmp_path / "line.yaml"),))]
        process = subprocess.Popen(
            command, env=os.environ | environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """The log up to the line that holds `words`."""
    assert process.stderr
    seen = ""
    while words not in seen:
        line = process.stderr.readline()
        assert line, f"the station ended without saying {words!r}: {seen}"
        seen += line
    return seen


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("main", [MAIN, STANDBY])
def test_a_signal_ends_a_station_cleanly(start: Callable, number: signal.Signals, main: str) -> None:
    process = start(main=main)
    read_until(process, "serving as pid")
    process.send_signal(number)
    code, out, err = ended(process)
    assert (code, out) == (0, "")
    assert err.endswith("clean end\n"), "what was logged last is written before the process ends"


def test_a_second_instance_ends_with_one_line_and_the_first_runs_on(start: Callable) -> None:
    first = start()
    read_until(first, "serving as pid")
    code, out, err = ended(start())
    assert (code, out) == (2, "")
    assert re.fullmatch(r".* ERROR dummy: .*: station dummy is already running\. Stop it first\n", err)
    assert first.poll() is None


def test_two_cameras_are_two_stations(start: Callable, tmp_path: Path) -> None:
    processes = [start("pass", MAIN, str(tmp_path / "line.yaml"), "--camera", name) for name in ("top", "side")]
    for process in processes:
        read_until(process, "serving as pid")
    assert ended(start("pass", MAIN, str(tmp_path / "line.yaml"), "--camera", "top"))[0] == 2


def test_a_killed_station_leaves_its_place_free(start: Callable) -> None:
    first = start()
    read_until(first, "serving as pid")
    first.kill()
    first.wait()
    read_until(start(), "serving as pid")


def test_a_fault_ends_a_station_with_1_and_a_traceback_in_the_log(start: Callable) -> None:
    code, out, err = ended(start("raise RuntimeError('lens cap on')"))
    assert (code, out) == (1, "")
    assert "ERROR dummy: dummy failed\nTraceback" in err
    assert err.endswith("RuntimeError: lens cap on\n")


def test_bad_input_in_a_station_ends_with_2_and_one_line(start: Callable) -> None:
    code, _, err = ended(start("raise InputError('is dark', 'camera top', 'Switch on the light')"))
    assert code == 2
    assert "Traceback" not in err
    assert err.splitlines()[-1].endswith("ERROR dummy: camera top: is dark. Switch on the light")


def test_a_bad_line_file_ends_a_station_with_2_and_one_line(start: Callable, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(LINE.replace("recipe", "recip"))
    code, out, err = ended(start("pass", MAIN, str(tmp_path / "bad.yaml")))
    assert (code, out) == (2, "")
    assert re.fullmatch(r".* ERROR dummy: .*bad\.yaml:2: unknown key 'recip'\. Did you mean 'recipe'\?\n", err)


def test_a_data_dir_that_cannot_be_made_ends_a_station_with_2_and_one_line(start: Callable, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    code, _, err = ended(start())
    assert code == 2
    assert re.fullmatch(r".* ERROR dummy: .*: cannot write here \(.*\)\. Check data_dir and the disk\n", err)


def test_the_health_stream_tells_of_the_station(start: Callable, tmp_path: Path) -> None:
    count = "lambda: station.counters.update({'images': 2 * station.counters['turns']})"  # totals of others
    process = start(f"station.counts_by({count})")
    subscriber = Bus(tmp_path / "data" / "run").subscriber(HEALTH, Health, ("dummy",))
    heard: list[Health] = []
    until(lambda: (heard.extend(subscriber.drain()), len(heard) >= 3)[1])
    assert {(h.station, h.pid, h.state) for h in heard} == {("dummy", process.pid, "serving")}
    assert heard[1].counters["turns"] < heard[2].counters["turns"]  # the very first comes before the first turn
    assert all(h.counters["images"] == 2 * h.counters["turns"] for h in heard[1:]), "as they are when they are told"
    assert all(a.sent_ns < b.sent_ns < time.monotonic_ns() for a, b in zip(heard, heard[1:], strict=False))
    subscriber.close()


class NotifySocket:
    """What systemd listens on."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE_S)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def next(self) -> str:
        return self._socket.recv(4096).decode()

    def rest(self) -> list[str]:
        self._socket.setblocking(False)
        found = []
        while True:
            try:
                found.append(self.next())
            except BlockingIOError:
                return found


@pytest.mark.parametrize("abstract", [False, True])
@pytest.mark.parametrize("main", [MAIN, STANDBY])
def test_systemd_hears_that_a_station_is_ready_alive_and_stopping(
    start: Callable, tmp_path: Path, abstract: bool, main: str
) -> None:
    address = f"@line-inspector-test-{os.getpid()}-{main == MAIN}" if abstract else str(tmp_path / "notify")
    systemd = NotifySocket(address)
    process = start(main=main, NOTIFY_SOCKET=address)
    assert systemd.next() == "READY=1"
    alive = [said for said in (systemd.next() for _ in range(8)) if said == "WATCHDOG=1"]
    assert len(alive) >= 4
    process.terminate()
    assert ended(process)[0] == 0
    assert "STOPPING=1" in systemd.rest()


def test_a_station_that_hangs_feeds_no_watchdog(start: Callable, tmp_path: Path) -> None:
    systemd = NotifySocket(str(tmp_path / "notify"))
    process = start("time.sleep(600)", NOTIFY_SOCKET=str(tmp_path / "notify"))
    assert (systemd.next(), systemd.next()) == ("READY=1", "WATCHDOG=1")
    read_until(process, "serving as pid")
    time.sleep(1)  # five periods of the health stream
    assert systemd.rest() == []


def test_a_standby_tells_systemd_that_it_is_ready_and_alive(start: Callable, tmp_path: Path) -> None:
    first = start(main=STANDBY)
    read_until(first, "serving as pid")
    systemd = NotifySocket(str(tmp_path / "notify"))
    start(main=STANDBY, NOTIFY_SOCKET=str(tmp_path / "notify"))
    assert systemd.next() == "READY=1"
    assert [systemd.next() for _ in range(5)] == ["WATCHDOG=1"] * 5


def test_a_missing_notify_socket_stops_nothing(start: Callable, tmp_path: Path) -> None:
    process = start(NOTIFY_SOCKET=str(tmp_path / "nobody"))
    read_until(process, "cannot notify systemd")
    process.terminate()
    assert ended(process)[0] == 0


def test_a_standby_serves_when_the_first_is_killed(start: Callable) -> None:
    first = start(main=STANDBY)
    read_until(first, "serving as pid")
    second = start(main=STANDBY)
    time.sleep(0.5)
    assert second.poll() is None, "a station that stands by does not end"
    first.kill()
    first.wait()
    assert f"serving as pid {second.pid}" in read_until(second, "serving as pid")
    second.terminate()
    assert ended(second)[0] == 0


def test_a_standby_stops_on_a_signal(start: Callable, tmp_path: Path) -> None:
    read_until(start(main=STANDBY), "serving as pid")
    systemd = NotifySocket(str(tmp_path / "notify"))
    second = start(main=STANDBY, NOTIFY_SOCKET=str(tmp_path / "notify"))
    assert systemd.next() == "READY=1"
    second.terminate()
    code, _, err = ended(second)
    assert (code, err) == (0, "")


def test_a_station_stops_when_its_supervisor_is_gone(start: Callable, tmp_path: Path) -> None:
    supervisor = (
        "import os, subprocess, sys;"
        f"child = subprocess.Popen(sys.argv[1:], env=os.environ | {{'{SUPERVISOR_PID}': str(os.getpid())}});"
        "print(child.pid, flush=True);"
        "child.wait()"
    )
    program = tmp_path / "station.py"
    program.write_text(STATION.format(body="pass", main=MAIN))
    command = [sys.executable, "-c", supervisor, sys.executable, str(program), str(tmp_path / "line.yaml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        read_until(process, "serving as pid")
        process.kill()
        read_until(process, "clean end")


@pytest.mark.parametrize("options", [("--help",), ()])
def test_the_command_line_of_a_station_explains_itself(start: Callable, options: tuple[str, ...]) -> None:
    if options:
        code, out, _ = ended(start("pass", MAIN, *options))
        assert code == 0
        assert "line_file" in out
    else:
        code, _, err = ended(start("pass", MAIN, "--no-such-option"))
        assert code == 2
        assert "usage: stations.dummy" in err


def test_a_station_without_sockets_sleeps_between_its_turns(start: Callable, tmp_path: Path) -> None:
    """20 turns a second are due; a poller without sockets that returned at once would make many thousands."""
    process = start()
    read_until(process, "serving as pid")
    health = Bus(tmp_path / "data" / "run").subscriber(HEALTH, Health, ("dummy",))
    seen: list[Health] = []

    def heard() -> bool:
        seen.extend(health.drain())
        return len(seen) > 5

    until(heard)
    health.close()
    turns = seen[-1].counters["turns"] - seen[0].counters.get("turns", 0)
    assert turns < 100 * (seen[-1].sent_ns - seen[0].sent_ns) / 1e9
