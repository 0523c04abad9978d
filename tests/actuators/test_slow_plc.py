"""plc_gate.py over a wire that is slower than the PLC's cycle."""

import time
from collections.abc import Iterator

import pytest

from line_inspector.actuators.plc_gate import PlcGate
from line_inspector.actuators.plc_signals import Inputs, Mode, Outputs
from line_inspector.config import ModbusGateSettings

ROUND_TRIP_S = 0.06
MS = 1_000_000


class SlowWire:
    """A PLC that acknowledges everything, ROUND_TRIP_S away."""

    def __init__(self) -> None:
        self.written: list[Outputs] = []
        self.reading = False

    def write(self, outputs: Outputs) -> None:
        self.written.append(outputs)

    def read(self) -> Inputs:
        self.reading = True
        time.sleep(ROUND_TRIP_S / 2)
        clock_ms, number = time.monotonic_ns() // MS % 65_536, self.written[-1].result_number
        time.sleep(ROUND_TRIP_S / 2)
        self.reading = False
        return Inputs(session=1, clock_ms=clock_ms, acknowledge=number, mode=Mode.CONTINUOUS)

    def safe(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


@pytest.fixture
def wire() -> SlowWire:
    return SlowWire()


@pytest.fixture
def gate(wire: SlowWire) -> Iterator[PlcGate]:
    settings = ModbusGateSettings(kind="modbus", host="plc", window_ms=200, heartbeat_timeout_ms=5_000)
    gate = PlcGate("plc", lambda: wire, settings, {"top": 1})
    yield gate
    gate.safe()


def test_a_recall_while_the_thread_waits_for_an_answer_is_written(gate: PlcGate, wire: SlowWire) -> None:
    end_s = time.monotonic() + 10
    while not (gate.accepting and wire.written[-1].ready and wire.reading):
        gate.beat(time.monotonic_ns(), prepared=True)
        assert time.monotonic() < end_s, "never in service"
    said = len(wire.written)
    gate.recall()
    while len(wire.written) < said + 3:
        gate.beat(time.monotonic_ns(), prepared=True)
        assert time.monotonic() < end_s, "says nothing any more"
    assert not wire.written[said].ready
    while not wire.written[-1].ready:
        gate.beat(time.monotonic_ns(), prepared=True)
        assert time.monotonic() < end_s, "never ready again"
