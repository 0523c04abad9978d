"""modbus.py and opcua.py against the simulated PLC, over real servers on loopback: the same tests for both."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cable import Cable
from loopback import free_port

from line_inspector.actuators import Gate, build_gate
from line_inspector.actuators.modbus import ModbusWire
from line_inspector.actuators.opcua import OpcUaWire
from line_inspector.actuators.plc_signals import ACCEPT, Mode, Outputs, VisionState
from line_inspector.actuators.wire import Wire, WireFault
from line_inspector.bus import Bus
from line_inspector.config import Line
from line_inspector.errors import InputError
from line_inspector.simulation.plc import SimulatedPlc

MS = 1_000_000
TIMEOUT_MS = 400
KINDS = ("modbus", "opcua")


def line_with(kind: str, port: int, **settings: Any) -> Line:
    where = {"modbus": {"host": "127.0.0.1", "port": port}, "opcua": {"endpoint": f"opc.tcp://127.0.0.1:{port}/"}}
    gate = {"kind": kind, "heartbeat_timeout_ms": TIMEOUT_MS, "window_ms": 100, **where[kind], **settings}
    camera = {"source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 300, "max_rate_hz": 10}
    document = {"line": "l", "recipe": "r", "data_dir": "d", "belt": {"speed_mm_s": 250}, "decision": {"gate": gate}}
    return Line.model_validate(document | {"cameras": {"top": camera, "side": camera}})


class Plc:
    """A PLC, and a cable to it."""

    def __init__(self, kind: str) -> None:
        line = line_with(kind, free_port())
        gate = line.decision.gate
        self.at = SimulatedPlc(line, gate)  # type: ignore[arg-type]
        self.cable = Cable(gate.port if gate.kind == "modbus" else int(gate.endpoint.rstrip("/").rpartition(":")[2]))

    def close(self) -> None:
        self.cable.close()
        self.at.close()


class Bench:
    """A gate on the cable, whose loop beats in a thread until it is told to hang."""

    def __init__(self, kind: str, plc: Plc) -> None:
        self.plc, self.cable = plc.at, plc.cable
        self.line = line_with(kind, self.cable.port)
        self.gate = build_gate(self.line.decision.gate, Bus(Path("/nowhere")), self.line.cameras)
        self.hangs = threading.Event()
        self._looping = threading.Thread(target=self._loop, daemon=True)
        self._looping.start()

    def _loop(self) -> None:
        while not self.hangs.is_set():
            self.gate.beat(time.monotonic_ns(), prepared=True)
            time.sleep(0.01)

    def send_past(self, camera: str = "top", after_ms: int = 300, accept: bool = True) -> bool:
        """Accepts a part that is at the gate after so long, and says whether it passed."""
        gate_ns = time.monotonic_ns() + after_ms * MS
        if accept:
            self.gate.accept("part", camera, gate_ns - 50 * MS, gate_ns + 50 * MS)
        time.sleep(after_ms / 1000 + 0.005)
        return self.plc.passage("part", "top", gate_ns).accepted

    def wait_until(self, reached: Callable[[], bool], timeout_s: float = 15) -> float:
        start_s = time.monotonic()
        while not reached():
            assert time.monotonic() - start_s < timeout_s, "never came"
        return time.monotonic() - start_s

    def close(self) -> None:
        self.hangs.set()
        self.gate.safe()
        self.cable.plug_in()
        self.wait_until(lambda: not self.gate.alive, timeout_s=20)


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def plc(kind: str) -> Iterator[Plc]:
    plc = Plc(kind)
    yield plc
    plc.close()


@pytest.fixture
def bench(kind: str, plc: Plc) -> Iterator[Bench]:
    bench = Bench(kind, plc)
    try:
        bench.wait_until(bench.send_past)
        yield bench
    finally:
        bench.close()


def connected(settings: Any) -> Wire:
    return ModbusWire(settings) if settings.kind == "modbus" else OpcUaWire(settings)


def test_parts_pass_on_their_own_accept_and_lane_only(bench: Bench) -> None:
    assert bench.send_past() and bench.gate.accepting
    assert not bench.send_past(accept=False)
    assert not bench.send_past("side")
    assert bench.send_past()


def test_a_pulled_cable_rejects_and_nothing_stale_comes_after_it(bench: Bench) -> None:
    bench.cable.pull()
    time.sleep(TIMEOUT_MS / 1000)
    for _ in range(3):
        assert not bench.send_past(after_ms=250) and not bench.gate.accepting
    gate_ns = time.monotonic_ns() + 2_500 * MS
    bench.gate.accept(
        "part", "top", gate_ns - 50 * MS, gate_ns + 50 * MS
    )  # nobody can take it in time to be sure of it
    bench.cable.plug_in()
    assert bench.wait_until(bench.send_past) < 8
    while (now_ns := time.monotonic_ns()) < gate_ns + 10 * MS:
        time.sleep((gate_ns + 10 * MS - now_ns) / 1e9)
    assert not bench.plc.passage("part", "top", gate_ns).accepted


def test_a_loop_that_hangs_stops_the_heartbeat_though_the_connection_stands(bench: Bench) -> None:
    bench.hangs.set()
    time.sleep(TIMEOUT_MS / 1000 + 0.1)
    assert not bench.send_past()
    bench.gate.beat(time.monotonic_ns(), prepared=True)


def test_accepts_that_are_taken_back_open_nothing_and_the_next_ones_do(bench: Bench) -> None:
    gate_ns = time.monotonic_ns() + 400 * MS
    bench.gate.accept("part", "top", gate_ns - 50 * MS, gate_ns + 50 * MS)
    time.sleep(0.2)
    assert bench.plc._program._windows, "the PLC has it"
    bench.gate.recall()
    time.sleep(0.205)
    assert not bench.plc.passage("part", "top", gate_ns).accepted
    assert bench.send_past()


def test_safe_is_at_once_and_for_good(bench: Bench) -> None:
    gate_ns = time.monotonic_ns() + 300 * MS
    bench.gate.accept("part", "top", gate_ns - 50 * MS, gate_ns + 50 * MS)
    time.sleep(0.1)
    bench.gate.safe()
    bench.gate.safe()
    time.sleep(0.215)
    assert not bench.plc.passage("part", "top", gate_ns).accepted
    assert not bench.send_past()
    assert bench.plc._program._heartbeat == 0, "the rest position was not written"


def test_a_plc_that_restarts_is_served_again(bench: Bench) -> None:
    bench.plc._program.session ^= 1
    assert bench.wait_until(bench.send_past) < 5


def test_no_method_waits_for_the_plc(bench: Bench) -> None:
    took_ms = []
    bench.cable.pull()
    for number in range(300):
        start_ns = time.perf_counter_ns()
        bench.gate.accept(str(number), "top", start_ns, start_ns + 50 * MS)
        bench.gate.beat(time.monotonic_ns(), prepared=True)
        took_ms.append((time.perf_counter_ns() - start_ns) / MS)
        time.sleep(0.002)
    start_ns = time.perf_counter_ns()
    bench.gate.safe()
    assert (time.perf_counter_ns() - start_ns) / MS < 50
    assert sorted(took_ms)[-4] < 2, "p99 of accept and beat, with a PLC that does not answer"


def test_a_plc_that_is_not_there_yet_is_waited_for(kind: str) -> None:
    line = line_with(kind, free_port())
    start_s = time.monotonic()
    gate = build_gate(line.decision.gate, Bus(Path("/nowhere")), line.cameras)
    assert time.monotonic() - start_s < 3 and gate.alive
    plc = SimulatedPlc(line, line.decision.gate)  # type: ignore[arg-type]
    start_s, passed = time.monotonic(), False
    while not passed and time.monotonic() - start_s < 15:
        gate_ns = time.monotonic_ns() + 200 * MS
        gate.accept("part", "top", gate_ns - 50 * MS, gate_ns + 50 * MS)
        while time.monotonic_ns() < gate_ns + 5 * MS:
            gate.beat(time.monotonic_ns(), prepared=True)
            time.sleep(0.01)
        passed = plc.passage("part", "top", gate_ns).accepted
    gate.safe()
    assert passed
    plc.close()


def test_what_the_wire_writes_is_what_the_plc_takes_and_shows(kind: str) -> None:
    line = line_with(kind, free_port(), **({"base_register": 4_000, "unit": 7} if kind == "modbus" else {}))
    plc = SimulatedPlc(line, line.decision.gate)  # type: ignore[arg-type]
    plc._program.mode = Mode.SINGLE
    taken: list[Outputs] = []
    plc._program.written = lambda outputs, now_ns: taken.append(outputs)  # type: ignore[method-assign]
    wire = connected(line.decision.gate)
    said = Outputs(3, VisionState.ERROR, True, False, True, 65_535, ACCEPT, 2, 2**32 - 1, 70_000, True, 9)
    wire.write(said)
    wire.safe()
    assert [vars(outputs) for outputs in taken] == [vars(said), vars(Outputs())]
    read = wire.read()
    assert (read.session, read.mode, read.acknowledge) == (plc._program.session, Mode.SINGLE, 0)
    plc.close()
    with pytest.raises(WireFault):
        for _ in range(3):
            wire.read()
    wire.close()


def test_an_address_that_the_world_cannot_have_is_one_clear_line(kind: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        line = line_with(kind, taken.getsockname()[1])
        with pytest.raises(InputError, match="the simulated PLC cannot listen"):
            SimulatedPlc(line, line.decision.gate)  # type: ignore[arg-type]


def test_a_missing_extra_is_one_clear_line(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = {"modbus": "pymodbus", "opcua": "asyncua"}[kind]
    monkeypatch.setitem(__import__("sys").modules, package, None)
    line = line_with(kind, 1)
    with pytest.raises(InputError, match=rf"{package} is not installed .*pip install 'line-inspector\[plc\]'"):
        build_gate(line.decision.gate, Bus(Path("/nowhere")), line.cameras)


def test_a_node_id_that_is_none_is_one_clear_line() -> None:
    line = line_with("opcua", 1, node_id="{name} in the PLC")
    with pytest.raises(InputError, match="makes no node ids"):
        build_gate(line.decision.gate, Bus(Path("/nowhere")), line.cameras)


def noise(server: socket.socket, stop: threading.Event) -> None:
    while not stop.is_set():
        with suppress(OSError):
            server.settimeout(0.1)
            with server.accept()[0] as peer:
                peer.recv(100)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 3)


def test_a_server_that_is_no_plc_is_a_lost_one(kind: str) -> None:
    stop = threading.Event()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        thread = threading.Thread(target=noise, args=(server, stop))
        thread.start()
        line = line_with(kind, server.getsockname()[1])
        gate: Gate = build_gate(line.decision.gate, Bus(Path("/nowhere")), line.cameras)
        time.sleep(1.0)
        assert gate.alive
        gate.safe()
        stop.set()
        thread.join()
