"""Decision, turn by turn, fed by the real station encoder, which reads a real server: a part is tracked to the gate."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from announced import announced, inspected
from counted_belt import CountedBelt

from line_inspector.bus import AckedSender, Sender
from line_inspector.messages import Encoder, Health
from line_inspector.runtime import Station
from line_inspector.stop_flag import StopFlag
from line_inspector.streams import ANNOUNCEMENTS, ENCODER, HEALTH, VERDICTS
from stations.decision import DecisionStation

MS = 1_000_000
TRAVEL_NS = 600 * MS  # at the highest speed
TRIES = 4


class PlayedGate:
    """Remembers the windows that it is told, and whether they were taken back."""

    alive = accepting = True
    bin_reading = None

    def __init__(self) -> None:
        self.windows: dict[str, tuple[int, int]] = {}
        self.recalls = 0

    def accept(self, part_id: str, camera: str, window_start_ns: int, window_end_ns: int) -> None:
        self.windows[part_id] = (window_start_ns, window_end_ns)

    def recall(self) -> None:
        self.recalls += 1

    def beat(self, now_ns: int, prepared: bool, stop_requested: bool = False) -> None:
        """Nothing to show."""

    def next_beat_ns(self) -> int:
        return 2**62

    def safe(self) -> None:
        """At rest already."""


class FollowingLine:
    """Decision in this process; the test plays camera, worker and gate."""

    def __init__(self, folder: Path) -> None:
        self.belt, self.gate = CountedBelt(folder, "modbus"), PlayedGate()
        self.station = Station("decision", self.belt.line, StopFlag())
        self.decision = DecisionStation(self.station)
        self.decision._gate = self.gate
        bus = self.station.bus
        self._camera: AckedSender = bus.acked_sender(ANNOUNCEMENTS, "capture.top")
        self._worker: Sender = bus.sender(VERDICTS)
        self._health: Sender = bus.publisher(HEALTH, "inference")
        self.belt.until_heard()
        self.turn_for(0.5)

    def turn_for(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        self.turn_until(lambda: time.monotonic() >= end_s)

    def decided(self, part_id: str) -> bool:
        """Turns until the part is accepted, or there has been time enough for it."""
        end_s = time.monotonic() + 2.5
        self.turn_until(lambda: part_id in self.gate.windows or time.monotonic() > end_s)
        return part_id in self.gate.windows

    def turn_until(self, done: Callable[[], bool]) -> None:
        end_s = time.monotonic() + 20
        while not done():
            assert time.monotonic() < end_s, self.belt.log()
            now_ns = time.monotonic_ns()
            self._health.send(Health(station="inference", pid=0, sent_ns=now_ns, state="serving", counters={}))
            self.decision.turn(now_ns)
            time.sleep(0.003)

    def part(self, part_id: str) -> int:
        """Announced and found to be good; gives back the moment of its trigger."""
        at_ns = time.monotonic_ns()
        reserve_ns = TRAVEL_NS - self.belt.line.deadline_ns("top")
        told = announced(part_id, "top", at_ns, TRAVEL_NS, reserve_ns, 500 * MS)
        self._camera.send(part_id, told)
        self._worker.send(inspected(told))
        return at_ns

    def close(self) -> None:
        self.decision.close()
        for socket in (self._camera, self._worker, self._health, self.station):
            socket.close()
        self.belt.close()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[FollowingLine]:
    following = FollowingLine(tmp_path)
    yield following
    following.close()


def gate_after_ms(line: FollowingLine, then: Callable[[], object] = lambda: None) -> float:
    """When the window of a part that `then` happens to is at its middle, in milliseconds after its trigger.

    A part whose count is lost, since the machine is too busy for an encoder, is followed by another.
    """
    for _ in range(TRIES):
        part_id = f"part-{time.monotonic_ns()}"
        trigger_ns = line.part(part_id)
        then()
        if line.decided(part_id):
            start_ns, end_ns = line.gate.windows[part_id]
            return ((start_ns + end_ns) / 2 - trigger_ns) / MS
    raise AssertionError(line.belt.log())


def test_a_part_is_accepted_when_the_count_says_that_it_is_at_the_gate(line: FollowingLine) -> None:
    assert gate_after_ms(line) == pytest.approx(600, abs=40)
    line.belt.plc.set(speed=0.5)
    line.turn_for(0.4)
    assert gate_after_ms(line) == pytest.approx(1200, abs=60)


def test_a_part_waits_on_a_belt_that_stands_and_is_lost_with_the_count(line: FollowingLine) -> None:
    def stop_and_go() -> None:
        accepted = dict(line.gate.windows)
        line.turn_for(0.2)
        line.belt.plc.set(speed=0)
        line.turn_for(1.0)
        assert line.gate.windows == accepted, "it is not there yet, whatever the clock says"
        line.belt.plc.set(speed=1)

    assert gate_after_ms(line, stop_and_go) == pytest.approx(1600, abs=150)
    line.part("lost")
    line.turn_for(0.1)
    recalls = line.gate.recalls
    line.belt.plc.set(0)
    line.turn_for(0.8)
    assert "lost" not in line.gate.windows and line.gate.recalls > recalls
    assert line.station.counters["reason.belt_unknown"] >= 1, dict(line.station.counters)


def test_parts_that_come_while_the_count_stands_are_lost_and_so_are_those_before_them(line: FollowingLine) -> None:
    """A coupling that slips, or a counter that was halted: what it says was not so, and nothing from before holds."""
    line.part("before")
    line.turn_for(0.2)
    line.belt.plc.set(speed=0)
    line.turn_for(0.05)
    line.part("during")
    recalls = line.gate.recalls
    line.turn_for(0.3)
    assert line.gate.recalls > recalls
    line.part("still")
    line.turn_for(0.05)
    assert line.station.counters["reason.belt_unknown"] == 3 and len(line.decision._book) == 0
    assert "stands although parts come" in line.decision._belt.unknown(time.monotonic_ns()), "which raises the alarm"
    line.belt.plc.set(speed=1)
    line.turn_for(0.2)
    assert line.gate.windows == {}
    assert gate_after_ms(line) == pytest.approx(600, abs=40), "the count is believed again once it moves"


def test_readings_that_are_too_uncertain_for_the_gate_are_none(line: FollowingLine) -> None:
    line.belt.station.terminate()
    assert line.belt.station.wait(10) == 0
    readings = line.station.bus.publisher(ENCODER)
    line.turn_for(0.3)
    for number in range(40):
        readings.send(Encoder(count=number, read_ns=time.monotonic_ns(), uncertain_ns=36 * MS))
        line.turn_for(0.01)
    readings.close()
    assert line.station.counters["vague_readings"] > 10
    assert "silent" in line.decision._belt.unknown(time.monotonic_ns())
