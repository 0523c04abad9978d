"""The decision station alone, turn by turn. The test plays camera, worker and gate."""

import time
from collections.abc import Callable
from pathlib import Path

from line_inspector.line_file import parse_line
from line_inspector.messages import HEAT_SIDE_PX, Announcement, SlotRef, Verdict
from line_inspector.runtime import Station, StopFlag
from line_inspector.streams import ANNOUNCEMENTS, VERDICTS
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
        told = Announcement(
            part_id=part_id,
            camera="top",
            trigger_ns=at_ns,
            trigger_wall_ns=0,
            deadline_ns=at_ns + line.deadline_ns("top"),
            gate_ns=at_ns + line.travel_ns("top"),
            free_from_ns=at_ns - FAR_NS,
            free_until_ns=at_ns + FAR_NS,
        )
        camera.send(part_id, told)

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
