"""The decision station alone, turn by turn. The test plays camera, worker and gate."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from line_inspector.config import Line
from line_inspector.line_file import parse_line
from line_inspector.messages import HEAT_SIDE_PX, Announcement, Result, SlotRef, Verdict
from line_inspector.part_record import Reason
from line_inspector.ring import Geometry, RingWriter
from line_inspector.runtime import Station
from line_inspector.stop_flag import StopFlag
from line_inspector.streams import ANNOUNCEMENTS, RESULTS, VERDICTS
from stations.decision import DecisionStation

LINE = {
    "line": "decided",
    "recipe": "disc",
    "data_dir": "d",
    "belt": {"speed_mm_s": 100},
    "cameras": {"top": {"source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 2000}},
}
FAR_NS = 1_000_000_000


class PlayedGate:
    """Takes every accept, and remembers what it is told."""

    alive = accepting = True
    bin_reading = None

    def __init__(self) -> None:
        self.told: list[str] = []

    def accept(self, part_id: str, camera: str, window_start_ns: int, window_end_ns: int) -> None:
        self.told.append(part_id)

    def recall(self) -> None:
        self.told.append("recall")

    def beat(self, now_ns: int, prepared: bool, stop_requested: bool = False) -> None:
        """Nothing to show."""

    def safe(self) -> None:
        """At rest already."""


def test_a_part_that_is_announced_into_an_open_window_takes_accepts_back_in_the_same_turn(tmp_path: Path) -> None:
    line = parse_line(LINE, tmp_path / "line.yaml")
    station = Station("decision", line, StopFlag())
    decision, gate = DecisionStation(station), PlayedGate()
    decision._gate = gate
    camera = station.bus.acked_sender(ANNOUNCEMENTS, "capture.top")
    worker = station.bus.sender(VERDICTS)
    time.sleep(0.2)  # connections form
    trigger_ns = time.monotonic_ns()

    def announce(part_id: str, at_ns: int) -> None:
        camera.send(part_id, _announced(line, part_id, "top", at_ns))

    def until(done: Callable[[], bool]) -> None:
        end_s = time.monotonic() + 10
        while not done():
            assert time.monotonic() < end_s
            decision.turn(time.monotonic_ns())

    announce("a", trigger_ns)
    worker.send(_good("a", trigger_ns + 1))
    until(lambda: gate.told == ["a"])
    announce("b", trigger_ns + 20_000_000)
    time.sleep(0.2)  # it arrives
    decision.turn(time.monotonic_ns())
    assert gate.told == ["a", "recall"]
    decision.close()
    for socket in (camera, worker, station):
        socket.close()


def _good(part_id: str, captured_ns: int) -> Verdict:
    return Verdict(
        part_id=part_id,
        camera="top",
        slot=SlotRef(ring="r", slot=0, generation=2),
        score=0.1,
        threshold=0.5,
        pixel_threshold=0.5,
        model_version="v1",
        fingerprint=1,
        captured_ns=captured_ns,
        inference_start_ns=captured_ns,
        inference_end_ns=captured_ns,
        heat=bytes(HEAT_SIDE_PX**2),
    )


TWO_CAMERAS = {
    **LINE,
    "cameras": {name: {**LINE["cameras"]["top"], "part": "disc"} for name in ("top", "side")},  # type: ignore[index]
}


def test_each_camera_of_a_part_has_its_result_and_the_picture_of_the_one_that_decided_is_kept(tmp_path: Path) -> None:
    line = parse_line(TWO_CAMERAS, tmp_path / "line.yaml")
    station = Station("decision", line, StopFlag())
    decision, gate = DecisionStation(station), PlayedGate()
    decision._gate = gate
    senders = {name: station.bus.acked_sender(ANNOUNCEMENTS, f"capture.{name}") for name in ("top", "side")}
    worker, page = station.bus.sender(VERDICTS), station.bus.subscriber(RESULTS, Result)
    ring = RingWriter(line.ring_owner, "side", Geometry(slots=2, slot_bytes=64 * 64))
    time.sleep(0.2)  # connections form
    at_ns = time.monotonic_ns()
    slot = ring.write(np.full((64, 64), 9, np.uint8), "side-1", at_ns + FAR_NS, FAR_NS, at_ns)
    for name, sender in senders.items():
        sender.send(f"{name}-1", _announced(line, f"{name}-1", name, at_ns))
    worker.send(_good("top-1", at_ns + 1))
    worker.send(replace(_good("side-1", at_ns + 1), camera="side", score=0.9, slot=slot))
    told: list[Result] = []
    end_s = time.monotonic() + 10
    while len(told) < 2:
        assert time.monotonic() < end_s, told
        decision.turn(time.monotonic_ns())
        told += page.drain()
    top, side = told
    assert gate.told == [] and {result.part_id for result in told} == {"top-1"}
    assert (top.camera, top.view_id, top.score, top.leads) == ("top", "top-1", 0.1, False)
    assert (side.camera, side.view_id, side.score, side.leads) == ("side", "side-1", 0.9, True)
    assert {(one.accepted, one.reason, one.decided_by) for one in told} == {(False, Reason.ANOMALY, "side")}
    decision.close()
    ring.close()
    assert [path.name for path in sorted(line.archive_dir.glob("*/*.png"))] == ["top-1.heat.png", "top-1.png"]
    for end in (*senders.values(), worker, page):
        end.close()
    station.close()


def _announced(line: Line, part_id: str, camera: str, at_ns: int) -> Announcement:
    return Announcement(
        part_id=part_id,
        camera=camera,
        trigger_ns=at_ns,
        trigger_wall_ns=0,
        deadline_ns=at_ns + line.deadline_ns(camera),
        gate_ns=at_ns + line.travel_ns(camera),
        free_from_ns=at_ns - FAR_NS,
        free_until_ns=at_ns + FAR_NS,
    )
