"""simulated.py over the real bus: accepts until acknowledged or too late, heartbeats at their rate, safe for good."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from line_inspector.actuators import Gate, build_gate
from line_inspector.bus import AckedReceiver, Bus, Receiver
from line_inspector.config import SimulatedGateSettings
from line_inspector.messages import AcceptPart, Heartbeat
from line_inspector.streams import ACCEPTS, HEARTBEAT

S = 1_000_000_000
PERIOD_NS = int(1e9 / HEARTBEAT.rate_hz)


class OtherEnd:
    """What the conveyor hears."""

    def __init__(self, bus: Bus) -> None:
        self.accepts: AckedReceiver[AcceptPart] = bus.acked_receiver(ACCEPTS, AcceptPart)
        self.heartbeat: Receiver[Heartbeat] = bus.subscriber(HEARTBEAT, Heartbeat)

    def next_accept(self, timeout_ms: int = 2_000) -> tuple[bytes, AcceptPart] | None:
        if not self.accepts.socket.poll(timeout_ms):
            return None
        return next(self.accepts.drain(), None)

    def next_beat(self, timeout_ms: int = 2_000) -> Heartbeat | None:
        return next(self.heartbeat.drain(), None) if self.heartbeat.socket.poll(timeout_ms) else None


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[Gate, OtherEnd]]:
    bus = Bus(tmp_path)
    other = OtherEnd(bus)
    gate = build_gate(SimulatedGateSettings(), bus, ["top"])
    beat_until_heard(gate, other)
    yield gate, other
    other.accepts.close()
    other.heartbeat.close()


def beat_until_heard(gate: Gate, other: OtherEnd) -> None:
    """Publisher and subscriber find each other some time after both exist."""
    for _ in range(200):
        gate.beat(time.monotonic_ns(), prepared=True)
        if other.next_beat(timeout_ms=50):
            return
    pytest.fail("no heartbeat in 10 s")


def test_an_accept_names_its_part_and_its_window(ends: tuple[Gate, OtherEnd]) -> None:
    gate, other = ends
    gate.accept("top-1-000001", "top", 100, 200)
    heard = other.next_accept()
    assert heard and heard[1] == AcceptPart(
        part_id="top-1-000001", camera="top", window_start_ns=100, window_end_ns=200
    )


def test_an_accept_is_repeated_until_acknowledged(ends: tuple[Gate, OtherEnd]) -> None:
    gate, other = ends
    now_ns = time.monotonic_ns()
    gate.accept("a", "top", now_ns, now_ns + 60 * S)
    heard = other.next_accept()
    gate.beat(now_ns + 1 * S, prepared=True)
    again = other.next_accept()
    assert heard and again and again[1] == heard[1]
    other.accepts.acknowledge(again[0], "a")
    time.sleep(0.05)
    for later_s in (2, 3, 4):
        gate.beat(now_ns + later_s * S, prepared=True)
    assert other.next_accept(timeout_ms=100) is None


def test_an_accept_is_not_repeated_after_its_window(ends: tuple[Gate, OtherEnd]) -> None:
    gate, other = ends
    now_ns = time.monotonic_ns()
    gate.accept("a", "top", now_ns, now_ns + 1 * S)
    assert other.next_accept()
    gate.beat(now_ns + 2 * S, prepared=True)
    assert other.next_accept(timeout_ms=100) is None


def test_the_heartbeat_keeps_its_rate(ends: tuple[Gate, OtherEnd]) -> None:
    gate, other = ends
    start_ns = time.monotonic_ns() + 10 * S
    for step in range(10):
        gate.beat(start_ns + step * PERIOD_NS // 2, prepared=True)
    assert gate.next_beat_ns() == start_ns + 9 * PERIOD_NS // 2 + PERIOD_NS // 2
    time.sleep(0.05)
    assert [beat.sent_ns for beat in other.heartbeat.drain()] == [start_ns + n * PERIOD_NS for n in range(5)]


def test_safe_is_an_expired_heartbeat_and_then_silence(ends: tuple[Gate, OtherEnd]) -> None:
    gate, other = ends
    gate.safe()
    gate.safe()
    gate.beat(time.monotonic_ns() + 10 * S, prepared=True)
    gate.accept("a", "top", 0, 1)
    last = other.next_beat()
    assert last and last.sent_ns == 0
    assert other.next_beat(timeout_ms=100) is None and other.next_accept(timeout_ms=1) is None
