"""The units in systemd/ against the table of stations, and against systemd itself."""

import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from few_families import SOCKET_CALL
from loopback import free_port

from line_inspector.config import TrainingSettings
from line_inspector.streams import HEALTH
from stations import STATIONS, StationKind, decision

UNITS = Path(__file__).parents[2] / "systemd"
TARGET = "line-inspector.target"
PREFIX = "/opt/line-inspector"
LINE_FILE = "/etc/line-inspector/line.yaml"
SERVING = [station for station in STATIONS if station.name != "trainer"]
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
HARDENING = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "RestrictSUIDSGID": "yes",
    "CapabilityBoundingSet": "",
    "User": "line-inspector",
    "StateDirectory": "line-inspector",
}

Unit = dict[str, list[str]]


def read(name: str) -> Unit:
    """Every value of every key, by `Section.Key`."""
    unit: Unit = {}
    section = ""
    for line in (UNITS / name).read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            unit.setdefault(f"{section}.{key}", []).append(value)
    return unit


def seconds(span: str) -> float:
    return float(span.removesuffix("s")) if span.endswith("s") else float(span)


def names(stations: list[StationKind]) -> list[str]:
    return [station.name for station in stations]


def test_there_is_one_unit_for_each_station_and_nothing_else() -> None:
    expected = {station.unit for station in STATIONS}
    expected |= {TARGET, "line-inspector-trainer.timer", "line-inspector.sysusers.conf"}
    assert {path.name for path in UNITS.iterdir()} == expected


@pytest.mark.parametrize("station", STATIONS, ids=names(list(STATIONS)))
def test_a_template_is_a_station_with_several_processes(station: StationKind) -> None:
    assert ("@" in station.unit) == (station.per in ("camera", "worker") or station.copies > 1)


@pytest.mark.parametrize("station", SERVING, ids=names(SERVING))
def test_a_unit_starts_the_module_of_its_station(station: StationKind) -> None:
    options = f" --{station.per} %i" if station.per in ("camera", "worker") else ""
    command = f"{PREFIX}/.venv/bin/python -m stations.{station.name} {LINE_FILE}{options}"
    assert read(station.unit)["Service.ExecStart"] == [command]


def test_the_target_wants_every_process_that_any_line_has() -> None:
    wanted = {unit for value in read(TARGET)["Unit.Wants"] for unit in value.split()}
    expected: set[str] = set()
    for station in SERVING:
        if station.per == "line":
            copies = range(1, station.copies + 1) if station.copies > 1 else [""]
            expected |= {station.unit.replace("@", f"@{copy}") for copy in copies}
    assert wanted == expected


@pytest.mark.parametrize("station", SERVING, ids=names(SERVING))
def test_a_serving_station_is_watched_and_always_restarted(station: StationKind) -> None:
    unit = read(station.unit)
    assert unit["Unit.PartOf"] == [TARGET]
    elsewhere = station.per == "worker"  # also on a host that has no other station of the line, and not the target
    assert unit["Install.WantedBy"] == ([f"multi-user.target {TARGET}"] if elsewhere else [TARGET])
    assert unit["Unit.StartLimitIntervalSec"] == ["0"]
    assert unit["Service.Type"] == ["notify"]
    assert unit["Service.Restart"] == ["always"]
    assert unit["Service.RestartSec"] == ["200ms"]
    assert unit["Service.WatchdogSignal"] == ["SIGKILL"], "a stopped process dies of nothing less"
    assert 10 / HEALTH.rate_hz <= seconds(unit["Service.WatchdogSec"][0]) <= 10


@pytest.mark.parametrize("station", STATIONS, ids=names(list(STATIONS)))
def test_every_service_is_hardened(station: StationKind) -> None:
    unit = read(station.unit)
    assert {key: unit[f"Service.{key}"] for key in HARDENING} == {key: [value] for key, value in HARDENING.items()}
    assert "Service.DynamicUser" not in unit, "stations share frames, so they share a user"
    assert "Service.PrivateDevices" not in unit, "/dev/shm is where the frames are"


@pytest.mark.skipif(platform.machine() not in SOCKET_CALL, reason="the number of the system call is not known here")
@pytest.mark.parametrize(("station", "act"), [("worker", "bind"), ("inference", "connect")])
def test_a_unit_leaves_the_sockets_that_its_end_of_a_worker_takes(station: str, act: str) -> None:
    """ZeroMQ aborts the process, as no exception, where it may not ask the kernel for its interfaces."""
    (unit,) = [kind.unit for kind in STATIONS if kind.name == station]
    (families,) = read(unit)["Service.RestrictAddressFamilies"]
    code = f"import zmq; s = zmq.Context().socket(zmq.DEALER); s.linger = 0; s.{act}('tcp://127.0.0.1:{free_port()}')"
    program = [sys.executable, str(Path(__file__).with_name("few_families.py")), families, sys.executable, "-c", code]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_units_stop_in_the_order_in_which_parts_leave_them() -> None:
    """systemd stops in the reverse order of `After=`, as the supervisor does by STOP_ORDER."""
    after = {station.name: " ".join(read(station.unit).get("Unit.After", [])) for station in STATIONS}
    assert "line-inspector-decision.service" in after["capture"]
    assert "line-inspector-decision.service" not in after["inference"], "both stop at once"
    assert all(f"line-inspector-inference@{n}.service" in after["capture"] for n in (1, 2))
    assert read("line-inspector-encoder.service")["Unit.Before"] == ["line-inspector-decision.service"]
    seconds = int(read("line-inspector-decision.service")["Service.TimeoutStopSec"][0])
    assert seconds > decision.LAST_IMAGES_S + decision.LAST_COMMIT_S


def test_watching_and_training_get_what_deciding_leaves() -> None:
    weight = {station.name: int(read(station.unit)["Service.CPUWeight"][0]) for station in STATIONS}
    assert max(weight["overlay"], weight["trainer"]) * 10 <= min(
        weight["decision"], weight["inference"], weight["capture"]
    )
    trainer = read("line-inspector-trainer.service")
    assert trainer["Service.Nice"] == ["19"]
    assert trainer["Service.CPUSchedulingPolicy"] == trainer["Service.IOSchedulingClass"] == ["idle"]


def test_the_trainer_runs_once_at_the_time_that_the_line_file_has_by_default() -> None:
    trainer, timer = read("line-inspector-trainer.service"), read("line-inspector-trainer.timer")
    assert trainer["Service.Type"] == ["oneshot"]
    assert trainer["Service.ExecStart"] == [f"{PREFIX}/.venv/bin/line-inspector retrain {LINE_FILE}"]
    assert timer["Timer.OnCalendar"] == [f"*-*-* {TrainingSettings().at}:00"]


@pytest.mark.parametrize("station", STATIONS, ids=names(list(STATIONS)))
def test_the_command_of_a_unit_is_understood(station: StationKind, tmp_path: Path) -> None:
    """Each is run as the unit says, on a line file that is not there: it must come as far as missing that file."""
    command = read(station.unit)["Service.ExecStart"][0].replace("%i", "top")
    command = command.replace(f"{PREFIX}/.venv/bin", str(Path(sys.executable).parent))
    command = command.replace(LINE_FILE, str(tmp_path / "line.yaml"))
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "cannot read the line file" in done.stderr
    assert "Traceback" not in done.stderr


def installed(folder: Path) -> list[str]:
    """The units as on a plant, but with the program in a folder of this test, since systemd looks whether it exists."""
    binaries = folder / "opt" / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("python", "line-inspector"):
        (binaries / name).symlink_to("/bin/true")
    units = [path for path in UNITS.iterdir() if path.suffix != ".conf"]
    for path in units:
        (folder / path.name).write_text(path.read_text().replace(PREFIX, str(folder / "opt")))
    return [str(folder / path.name) for path in units]


def verify(units: list[str]) -> str:
    """What systemd has to say of the units; nothing when they are right."""
    command = ["systemd-analyze", "verify", "--man=no", *units]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr + (f"exit code {done.returncode}" if done.returncode else "")


@needs_systemd
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    assert verify(installed(tmp_path)) == ""


@needs_systemd
@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("Restart=always", "Restrat=always", "Unknown key"),
        ("WatchdogSec=3s", "WatchdogSec=soon", "Failed to parse"),
        (".venv/bin/python", ".venv/bin/pithon", "not executable"),
    ],
)
def test_systemd_would_find_a_fault(tmp_path: Path, good: str, bad: str, words: str) -> None:
    units = installed(tmp_path)
    decision = tmp_path / "line-inspector-decision.service"
    decision.write_text(decision.read_text().replace(good, bad))
    assert words in verify(units)


@needs_systemd
def test_the_system_user_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    command = ["systemd-sysusers", f"--root={tmp_path}", "--inline"]
    rules = [
        line for line in (UNITS / "line-inspector.sysusers.conf").read_text().splitlines() if not line.startswith("#")
    ]
    subprocess.run([*command, *rules], check=True, capture_output=True, timeout=60)
    passwd = (tmp_path / "etc" / "passwd").read_text()
    assert passwd.startswith("line-inspector:")
    assert ":/var/lib/line-inspector:" in passwd
