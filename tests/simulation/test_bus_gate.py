"""What the simulated gate tells of its bin, and hears of a stop."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from line_inspector.actuators.simulated import SimulatedGate
from line_inspector.bus import Bus
from line_inspector.line_file import parse_line
from line_inspector.messages import LoopBack
from line_inspector.runtime import Station
from line_inspector.simulation.bus_gate import BusGate
from line_inspector.stop_flag import StopFlag
from line_inspector.streams import LOOP_BACK

LINE = {
    "line": "bin",
    "recipe": "disc",
    "data_dir": "d",
    "belt": {"speed_mm_s": 250},
    "cameras": {"top": {"source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 500}},
    "simulation": {"bin_capacity": 3},
}


class Gates:
    """Both ends of the gate: the world's, and decision's."""

    def __init__(self, folder: Path) -> None:
        self.station = Station("world", parse_line(LINE, folder / "line.yaml"), StopFlag())
        self.world = BusGate(self.station)
        self.bus = Bus(self.station.line.sockets_dir)
        self.decision = SimulatedGate(self.bus)

    def until(self, done: Callable[[], object], stop_requested: bool = False) -> None:
        end_s = time.monotonic() + 10
        while not done():
            assert time.monotonic() < end_s
            self.world.hear()
            self.decision.beat(time.monotonic_ns(), True, stop_requested)
            time.sleep(0.005)

    @property
    def count(self) -> int:
        return self.decision.bin_reading.count if self.decision.bin_reading else -1


@pytest.fixture
def gates(tmp_path: Path) -> Iterator[Gates]:
    both = Gates(tmp_path)
    yield both
    both.world.close()
    both.station.close()


def test_every_reject_is_counted_until_the_bin_is_full(gates: Gates) -> None:
    gates.until(lambda: gates.count == 0)
    for number in (1, 2):
        assert not gates.world.passage(f"p{number}", "top", time.monotonic_ns()).accepted
    gates.until(lambda: gates.count == 2)
    assert gates.decision.bin_reading and not gates.decision.bin_reading.full
    gates.world.passage("p3", "top", time.monotonic_ns())
    gates.until(lambda: gates.decision.bin_reading and gates.decision.bin_reading.full)


def test_an_accepted_part_does_not_fall(gates: Gates) -> None:
    gates.until(lambda: gates.count == 0)
    gate_ns = time.monotonic_ns() + 100_000_000
    gates.decision.accept("good", "top", gate_ns - 50_000_000, gate_ns + 50_000_000)
    gates.until(lambda: time.monotonic_ns() >= gate_ns)
    assert gates.world.passage("good", "top", gate_ns).accepted
    gates.world.passage("bad", "top", gate_ns)
    gates.until(lambda: gates.count == 1)


def test_a_challenge_falls_when_its_time_has_come(gates: Gates) -> None:
    gates.until(lambda: gates.count == 0)
    sender = gates.bus.sender(LOOP_BACK)
    gate_ns = time.monotonic_ns() + 500_000_000
    said = LoopBack(part_id="challenge:1", camera="top", gate_ns=gate_ns)
    gates.until(lambda: sender.send(said))
    gates.until(lambda: gates.count == 1)
    assert gates.decision.bin_reading and gates.decision.bin_reading.seen_ns >= gate_ns
    sender.close()


def test_a_stop_is_heard(gates: Gates) -> None:
    gates.until(lambda: gates.world.stop_requested, stop_requested=True)
    gates.until(lambda: not gates.world.stop_requested)
