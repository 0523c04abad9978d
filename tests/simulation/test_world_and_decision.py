"""The real decision station and the real world, as processes, judged by the world's own record and the ledger."""

import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import socket as Socket

import pytest
import zmq
from fake_line import FakeLine, Process, write_line_file

from line_inspector.bus import Bus
from line_inspector.messages import Health
from line_inspector.part_record import PartRecord
from line_inspector.records.journal import Journal
from line_inspector.records.reading import read_parts
from line_inspector.simulation.gate import Why
from line_inspector.simulation.record import BinnedPart, read_world_record
from line_inspector.simulation.summary import Summary, summary
from line_inspector.streams import ANNOUNCEMENTS, FAULTS, HEALTH, VERDICTS

Event = tuple[float, Callable[[], object]]
WORLD = "line_inspector.simulation"
DECISION = "stations.decision"


class Scenario:
    """The whole line, and what was made of it."""

    def __init__(self, folder: Path, gate: dict[str, object] | None = None, **simulation: float) -> None:
        self.line_file = write_line_file(folder, gate, **simulation)
        self.fake = FakeLine(self.line_file)
        self.decision = Process(DECISION, self.line_file)
        self._others: list[Process] = []
        self._wait_for_decision()

    def _wait_for_decision(self) -> None:
        health = Bus(self.fake.line.sockets_dir).subscriber(HEALTH, Health, ("decision",))
        end_s = time.monotonic() + 30
        while not list(health.drain()):
            assert time.monotonic() < end_s, "decision does not start"
            time.sleep(0.02)
        health.close()

    def run(self, seconds: float, events: list[Event] | None = None) -> None:
        """Parts come for so many seconds; returns when the world has settled."""
        world = Process(WORLD, self.line_file, "--seconds", str(seconds))
        self._others.append(world)
        assert self.fake.run_until(world, events) == 0
        assert "never acknowledged" not in world.log_path.read_text()

    @property
    def parts(self) -> list[BinnedPart]:
        return list(read_world_record(self.fake.line.world_record_path))

    @property
    def rows(self) -> list[PartRecord]:
        return list(read_parts(self.fake.line.ledger_url))

    def summary(self) -> Summary:
        return summary(self.parts, self.rows)

    def close(self) -> None:
        for process in (*self._others, self.decision):
            process.close()
        self.fake.close()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Scenario]:
    scenario = Scenario(tmp_path)
    yield scenario
    scenario.close()


def assert_invariants(line: Scenario) -> Summary:
    told = line.summary()
    assert told.uninspected_accepted == 0
    assert told.ledger_gaps == 0
    assert told.triggers == told.accepted + told.rejected == len(line.rows)
    assert told.defective_accepted == 0
    return told


def test_parts_are_sorted(line: Scenario) -> None:
    line.run(seconds=3)
    told = assert_invariants(line)
    assert told.accepted > told.triggers / 4
    assert {"anomaly", "no_verdict", "skipped_late", "bad_score"} <= set(told.by_reason)
    assert sum(part.bin == "accept" for part in line.parts) > told.triggers / 4
    accepted = {row.part_id for row in line.rows if row.accepted}
    assert {part.part_id for part in line.parts if part.bin == "accept"} <= accepted
    assert {part.camera for part in line.parts} == {"top", "side"}


@pytest.mark.parametrize("kind", ["modbus", "opcua"])
def test_parts_are_sorted_by_a_plc(tmp_path: Path, kind: str) -> None:
    with Socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    where = {"modbus": {"host": "127.0.0.1", "port": port}, "opcua": {"endpoint": f"opc.tcp://127.0.0.1:{port}/"}}
    line = Scenario(tmp_path, {"kind": kind, "window_ms": 100, "heartbeat_timeout_ms": 400, **where[kind]}, rate_hz=8)
    try:
        line.run(seconds=5, events=[(3.5, line.decision.kill), (3.5, line.decision.start)])
        told = assert_invariants(line)
        passed = [part for part in line.parts if part.bin == "accept"]
        assert len(passed) > told.triggers / 6 and {part.camera for part in passed} == {"top", "side"}
        assert {part.why for part in line.parts} <= {Why.ACCEPTED, Why.NO_ACCEPT, Why.NO_HEARTBEAT}
    finally:
        line.close()


def test_decision_killed_under_load(line: Scenario) -> None:
    kills: list[Event] = []
    for second in (1.0, 2.5, 4.0):
        kills += [(second, line.decision.kill), (second, line.decision.start)]
    line.run(seconds=8, events=kills)
    told = assert_invariants(line)
    assert told.triggers > 200 and told.accepted > 20
    last = [part for part in line.parts if part.trigger_ns > max(p.trigger_ns for p in line.parts) - 500_000_000]
    assert any(part.bin == "accept" for part in last), "service is not back"


def test_decision_frozen_under_load(line: Scenario) -> None:
    """A frozen decision has no heartbeat; what it decides when it wakes comes too late for any part."""
    freeze: Event = (1.5, lambda: line.decision.running.send_signal(signal.SIGSTOP))
    thaw: Event = (3.0, lambda: line.decision.running.send_signal(signal.SIGCONT))
    line.run(seconds=4.5, events=[freeze, thaw])
    told = assert_invariants(line)
    whys = [part.why for part in line.parts]
    assert Why.NO_ACCEPT in whys and told.accepted > 20


def test_decision_stopped_leaves_the_gate_at_reject_and_the_rest_to_the_next(line: Scenario) -> None:
    codes: list[int] = []
    line.run(seconds=3, events=[(1.5, lambda: codes.append(line.decision.stop())), (2.0, line.decision.start)])
    assert codes == [0]
    assert_invariants(line)
    assert line.decision.stop() == 0
    journal = Journal(line.fake.line.journal_path)
    assert {record.part_id for record in journal.recovered} <= {row.part_id for row in line.rows}
    journal.close()


def test_a_full_disk_rejects_and_loses_no_part(line: Scenario) -> None:
    """A limit on file size makes every write of decision fail as on a full disk: journal, ledger and archive."""

    def limit_files(size_bytes: int) -> None:
        resource.prlimit(line.decision.running.pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))

    line.run(seconds=5, events=[(2.0, lambda: limit_files(1)), (3.5, lambda: limit_files(resource.RLIM_INFINITY))])
    told = assert_invariants(line)
    assert told.by_reason["journal_down"] > 5
    assert told.accepted > 20
    assert "over after" in line.decision.log_path.read_text()


def test_what_is_no_message_is_counted_and_refused(line: Scenario) -> None:
    sockets = line.fake.line.sockets_dir
    health = Bus(sockets).subscriber(HEALTH, Health, ("decision",))
    strangers = []
    for stream, kind in ((VERDICTS, zmq.PUSH), (FAULTS, zmq.PUSH), (ANNOUNCEMENTS, zmq.DEALER)):
        stranger = zmq.Context.instance().socket(kind)
        stranger.connect(stream.endpoint(sockets))
        for garbage in (b"", b"\xff", b"\x01not msgpack", b"\x01\x90"):
            stranger.send(garbage)
        strangers.append(stranger)
    line.run(seconds=1)
    beats = list(health.drain())
    assert beats[-1].counters["refused"] == 12
    assert beats[-1].counters["announced"] == line.summary().triggers
    assert_invariants(line)
    for socket in (*strangers, health.socket):
        socket.close(0)


def test_the_world_stops_after_so_many_parts_and_when_told(line: Scenario) -> None:
    world = Process(WORLD, line.line_file, "--parts", "20")
    assert line.fake.run_until(world) == 0
    assert len(line.parts) == 20
    endless = Process(WORLD, line.line_file)
    assert line.fake.run_until(endless, [(4.0, endless.running.terminate)]) == 0
    assert len(line.parts) > 40
    assert len({part.part_id for part in line.parts}) == len(line.parts), "part ids are unique over runs"
    assert_invariants(line)
    world.close()
    endless.close()
