"""The single faults, where they can be looked at without a whole line."""

import random
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from line_inspector import encoding, wall_clock
from line_inspector.chaos.campaign import _rounds
from line_inspector.chaos.catalogue import CATALOGUE, chosen
from line_inspector.chaos.corrupt_messages import EXAMPLES, malformed
from line_inspector.chaos.fault import NotPossible
from line_inspector.chaos.jump_clock import set_clock_offset
from line_inspector.chaos.lock_database import LockDatabase
from line_inspector.chaos.scratch_gate import port_of
from line_inspector.chaos.scratch_line import scratch_line, stands_in, world_line, write_line
from line_inspector.chaos.unlike import unlike
from line_inspector.chaos.victim import Victim
from line_inspector.config import Line, ModbusCounterSettings
from line_inspector.encoding import MalformedMessage, Message
from line_inspector.errors import InputError
from line_inspector.line_file import parse_line, read_line_file
from line_inspector.records.ledger import LedgerWriter
from stations import STATIONS

RELIABILITY = Path(__file__).parents[2] / "docs" / "reliability.md"
CONFIG = Path(__file__).parents[2] / "config"


MODBUS = {"kind": "modbus", "host": "192.0.2.1", "window_ms": 60}
MODBUS_COUNT = {"kind": "modbus", "host": "192.0.2.1", "address": 7, "bits": 16}
FAR = {"host": "tcp://192.0.2.2:7000", "keys": "keys"}


def demo(**changed: Any) -> Line:
    """The demo's line with other sections."""
    document = yaml.safe_load((CONFIG / "demo.yaml").read_text()) | changed
    return parse_line(document, CONFIG / "demo.yaml")


def test_every_station_is_killed_and_frozen() -> None:
    assert {f"{deed}_{kind.name}" for deed in ("kill", "freeze") for kind in STATIONS} < CATALOGUE.keys()


@pytest.mark.parametrize("name", ["kill_worker", "freeze_worker"])
def test_what_a_line_does_not_have_cannot_be_hurt(name: str) -> None:
    names = ("inference", "capture.top")
    supervisor = SimpleNamespace(processes=[SimpleNamespace(name=n, kind=n.partition(".")[0]) for n in names], alive={})
    nobody = Victim(None, None, supervisor, [], (), Path(), Path(), None, None, random.Random(1))  # type: ignore[arg-type]
    with pytest.raises(NotPossible, match="no worker"):
        CATALOGUE[name].build(nobody).inject()
    assert nobody.one_of("capture") == "capture.top"


def test_the_table_in_the_docs_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\D[^|]+) \| ([^|]+) \|$", RELIABILITY.read_text(), re.MULTILINE)
    told = {name: (meaning, how_long) for name, meaning, how_long in rows}
    for name, row in CATALOGUE.items():
        course = row.course
        how_long = f"{course.shortest_s:g} to {course.longest_s:g} s" if course.longest_s else "a blow"
        assert told[name] == (row.meaning, how_long)


def test_an_unknown_fault_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"Did you mean kill_decision\?"):
        chosen(["kill_decison"], demo())
    assert chosen(["cut_gate", "cut_gate"], demo()) == ["cut_gate"]
    assert chosen([], demo(decision={"gate": MODBUS})) == list(CATALOGUE)


def test_one_seed_is_one_order_and_no_fault_comes_again_before_all_have_come() -> None:
    names = list(CATALOGUE)
    first, again = (_rounds(names, random.Random(3)) for _ in range(2))
    drawn = [next(first) for _ in range(3 * len(names))]
    assert drawn == [next(again) for _ in drawn]
    for start in range(0, len(drawn), len(names)):
        assert set(drawn[start : start + len(names)]) == set(names)


@given(st.sampled_from(list(EXAMPLES)), st.randoms(use_true_random=False))
def test_a_malformed_message_is_none(kind: type[Message], rng: random.Random) -> None:
    with pytest.raises(MalformedMessage):
        encoding.decode(malformed(kind, rng), kind)


def test_the_clock_of_who_looks_at_the_file_is_off_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour_ns = 3600 * 10**9
    set_clock_offset(tmp_path / "clock", hour_ns)
    assert abs(wall_clock.wall_ns() - time.time_ns()) < hour_ns / 2
    monkeypatch.setenv(wall_clock.OFFSET_FILE, str(tmp_path / "clock"))
    assert hour_ns * 0.9 < wall_clock.wall_ns() - time.time_ns() < hour_ns * 1.1
    set_clock_offset(tmp_path / "clock", 0)
    assert abs(wall_clock.wall_ns() - time.time_ns()) < hour_ns / 2


FILL = """
import sys
from pathlib import Path
from types import SimpleNamespace
from line_inspector.chaos.scratch import scratch_folder
with scratch_folder(Path("/nowhere")) as scratch:
    if not scratch.small_disk:
        sys.exit(77)
    from line_inspector.chaos.fill_disk import FillDisk
    journal = (scratch.disk / "journal").open("ab", buffering=0)
    fault = FillDisk(SimpleNamespace(small_disk=scratch.small_disk))
    fault.inject()
    try:
        journal.write(bytes(10_000))
        print("written")
    except OSError as e:
        print(e.strerror)
    fault.heal()
    journal.write(bytes(10_000))
    journal.close()
    print(scratch.folder)
"""


def test_the_disk_is_full_until_it_is_not_and_leaves_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", FILL], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 77:
        pytest.skip("no disk can be mounted on this machine, neither as root nor in a user namespace")
    assert done.returncode == 0, done.stderr
    said, folder = done.stdout.splitlines()
    assert said == "No space left on device"
    assert not Path(folder).exists()
    assert folder not in Path("/proc/mounts").read_text()


def test_the_count_of_a_scratch_line_is_read_off_the_worlds_own_server(tmp_path: Path) -> None:
    document = yaml.safe_load((CONFIG / "demo.yaml").read_text())
    source = {"kind": "modbus", "host": "192.0.2.1", "address": 7, "bits": 16}
    document["belt"]["encoder"] = {"mm_per_count": 0.1, "source": source}
    document.pop("simulation")
    document.pop("alarms")  # a sensor at the bin
    line = scratch_line(parse_line(document, CONFIG / "demo.yaml"), tmp_path, tmp_path / "cable", seed=1)
    assert isinstance(line.counter, ModbusCounterSettings)
    assert (line.counter.host, line.counter.address, line.counter.bits) == ("127.0.0.1", 7, 16)
    assert world_line(line, tmp_path / "world").counter == line.counter


def test_a_scratch_line_is_the_given_one_in_another_place(tmp_path: Path) -> None:
    given = read_line_file(CONFIG / "demo.yaml")
    line = scratch_line(given, tmp_path / "disk", tmp_path / "cable", seed=5)
    assert line.belt == given.belt and line.inference == given.inference and line.cameras.keys() == given.cameras.keys()
    assert line.deadline_ns("top") == given.deadline_ns("top")
    assert line.simulation and given.simulation
    assert line.simulation == given.simulation.model_copy(update={"seed": 5})
    for path in (line.data_dir, line.journal_path, line.registry_dir, line.archive_dir, line.sockets_dir):
        assert path.is_relative_to(tmp_path)
    assert str(tmp_path) in line.ledger_url
    written = write_line(world_line(line, tmp_path / "world"), tmp_path / "world.yaml")
    world = read_line_file(written)
    assert world.model_copy(update={"data_dir": line.data_dir}) == line
    assert world.world_record_path == tmp_path / "world" / "world.jsonl"


def test_a_real_camera_its_clock_and_its_ledger_are_left_out(tmp_path: Path) -> None:
    document = yaml.safe_load((CONFIG / "demo.yaml").read_text())
    document["cameras"]["top"] |= {
        "source": {"kind": "video", "path": "/dev/video0"},
        "trigger": {"kind": "rate", "rate_hz": 2},
        "channels": 1,
        "exact_size": True,
        "max_width_px": 2000,
        "max_height_px": 100,
    }
    document["records"] = {"ledger": "sqlite:////var/lib/real.sqlite"}
    del document["simulation"]
    given = parse_line(document, CONFIG / "demo.yaml")
    line = scratch_line(given, tmp_path / "disk", tmp_path / "cable", seed=1)
    assert unlike(given) == [
        "cameras.top.source (video; now simulated)",
        "cameras.top.trigger (rate; now the simulated conveyor's)",
        "records.ledger (a SQLite file elsewhere; now a SQLite file)",
    ]
    assert stands_in(given, "top") and line.simulation and line.simulation.defective_share > 0
    camera = line.cameras["top"]
    assert (camera.source.kind, camera.source.width_px, camera.source.height_px) == ("simulated", 256, 100)
    assert camera.trigger.kind == "line" and camera.channels == 3 and not camera.exact_size
    assert line.ledger_url == f"sqlite:///{tmp_path}/disk/ledger.sqlite"


@pytest.mark.parametrize("name", ["kill_worker", "freeze_worker"])
def test_a_worker_is_hurt_only_where_one_runs_here(name: str) -> None:
    for workers in ({}, {"far": FAR}):
        with pytest.raises(InputError, match="no worker on this host"):
            chosen([name], demo(inference={"workers": workers}))
    assert chosen([name], demo(inference={"workers": {"far": FAR, "near": {"host": "local"}}})) == [name]


def test_the_demos_line_is_run_as_it_is() -> None:
    assert unlike(demo()) == []


def test_what_is_not_as_in_the_line_file_is_told(tmp_path: Path) -> None:
    belt = {"speed_mm_s": 250, "encoder": {"mm_per_count": 0.1, "source": MODBUS_COUNT}}
    given = demo(
        belt=belt,
        alarms={},  # no sensor at the bin
        decision={"gate": {"kind": "gpio", "chip": "/dev/gpiochip0", "accept_lines": {"top": 1}, "heartbeat_line": 2}},
        challenge={"frames": "known"},
        inference={"workers": {"far": FAR, "near": {"host": "local"}}},
        records={"ledger": "postgresql+psycopg://user:secret@192.0.2.1/ledger", "archive_max_mb": 9},
        simulation={"defective_share": 0},
    )
    told = unlike(given)
    assert told == [
        "decision.gate (gpio; now simulated)",
        "belt.encoder.source (modbus; now the simulated world's, on loopback)",
        "simulation.defective_share (0; now some parts are defective)",
        "challenge (left out)",
        "inference.workers.far (on another host; left out)",
        "records.ledger (PostgreSQL; now a SQLite file)",
        "records.archive_max_mb (left out)",
    ]
    line = scratch_line(given, tmp_path, tmp_path / "cable", seed=1)
    assert list(line.inference.workers) == ["near"] and line.challenge is None and line.records.archive_max_mb is None
    assert unlike(demo(decision={"gate": MODBUS})) == ["decision.gate (modbus; now a simulated PLC on loopback)"]


def test_a_locked_database_takes_nothing(tmp_path: Path) -> None:
    line = scratch_line(read_line_file(CONFIG / "demo.yaml"), tmp_path, tmp_path / "cable", seed=1)
    writer = LedgerWriter(line.ledger_url)
    try:
        fault = LockDatabase(SimpleNamespace(line=line))
        fault.inject()
        with sqlite3.connect(tmp_path / "ledger.sqlite", timeout=0.1) as other, pytest.raises(sqlite3.OperationalError):
            other.execute("BEGIN IMMEDIATE")
        fault.heal()
        with sqlite3.connect(tmp_path / "ledger.sqlite", timeout=0.1) as other:
            other.execute("BEGIN IMMEDIATE")
    finally:
        writer.close(1.0)


@pytest.mark.parametrize(
    "gate",
    [
        {"kind": "modbus", "host": "192.0.2.1", "unit": 7, "window_ms": 60},
        {"kind": "opcua", "endpoint": "opc.tcp://192.0.2.1:4840/x", "window_ms": 60},
    ],
)
def test_a_plc_stays_one_but_nowhere_outside_this_machine(tmp_path: Path, gate: dict[str, object]) -> None:
    document = yaml.safe_load((CONFIG / "demo.yaml").read_text()) | {"decision": {"gate": gate}}
    line = scratch_line(parse_line(document, CONFIG / "demo.yaml"), tmp_path, tmp_path / "cable", seed=1)
    world = world_line(line, tmp_path / "world")
    near, far = line.decision.gate, world.decision.gate
    assert near.kind == far.kind == gate["kind"] and near.window_ms == far.window_ms == 60
    assert "192.0.2.1" not in str(near) + str(far)
    assert port_of(near) and port_of(far) and port_of(near) != port_of(far)
    assert read_line_file(write_line(world, tmp_path / "world.yaml")).decision == world.decision
    if gate["kind"] == "modbus":
        assert (near.host, near.unit, far.unit) == ("127.0.0.1", 7, 7)


def test_what_befalls_a_plc_is_not_for_a_line_without_one() -> None:
    assert set(CATALOGUE) - set(chosen([], demo())) == {"pause_plc", "restart_plc", "jump_plc_clock"}
    for name in ("pause_plc", "jump_plc_clock"):
        fault = CATALOGUE[name].build(SimpleNamespace(plc_trouble=None, rng=random.Random(1)))
        with pytest.raises(NotPossible, match="decision.gate.kind modbus or opcua"):
            fault.inject()
        fault.heal()


@pytest.mark.parametrize("name", ["pause_plc", "restart_plc", "kill_worker", "freeze_worker", "kill_encoder"])
def test_a_fault_that_was_asked_for_is_refused_by_the_file_alone(name: str) -> None:
    with pytest.raises(InputError, match=f"--fault {name}: cannot be done to line"):
        chosen([name], demo())
