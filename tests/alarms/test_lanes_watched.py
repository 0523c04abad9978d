"""Alarms of a line on which several cameras see one part, and of triggers that are no part."""

import time
from pathlib import Path

import msgspec
import pytest
from pictures import save_picture

from line_inspector.actuators.gate import BinReading
from line_inspector.alarms.book import AlarmBook
from line_inspector.alarms.challenge_desk import ChallengeDesk
from line_inspector.alarms.desk import AlarmDesk
from line_inspector.alarms.watch import Conditions, LineWatch
from line_inspector.bus import Bus
from line_inspector.config import AlarmSettings
from line_inspector.line_file import parse_line
from line_inspector.messages import Announcement, ChallengeRequest, SlotRef, Verdict
from line_inspector.part_record import PartRecord, Reason, ViewRecord
from line_inspector.records.ledger import LedgerWriter
from line_inspector.streams import CHALLENGES

LANES = [("top", "side"), ("end",)]
SETTINGS = AlarmSettings(rejects_in_row=3, window_parts=4, window_rejects=3, blind_after=2, bin_sensor=True, hold_s=1)
FALLEN_NS = 10_000_000_000


def part(*views: tuple[str, Reason], version: str = "v1", number: int = 1) -> PartRecord:
    """A part as its cameras saw it; the first view that is not good decides."""
    told = [view(camera, reason, version, number) for camera, reason in views]
    deciding = next((one for one in told if one.reason != Reason.GOOD), told[0])
    return PartRecord(
        part_id=told[0].part_id,
        camera=told[0].camera,
        trigger_wall_ns=0,
        trigger_ns=0,
        captured_ns=deciding.captured_ns,
        inference_start_ns=None,
        inference_end_ns=None,
        verdict_ns=deciding.verdict_ns,
        decided_ns=2,
        deadline_ns=3,
        gate_ns=number * 1_000_000_000,
        accepted=deciding.reason == Reason.GOOD,
        reason=Reason(deciding.reason),
        detail="",
        score=deciding.score,
        threshold=deciding.threshold,
        model_version=deciding.model_version,
        fingerprint=None,
        views=msgspec.json.encode(told).decode() if views[0][0] in LANES[0] else "",
    )


def view(camera: str, reason: Reason, version: str, number: int) -> ViewRecord:
    inspected = reason in (Reason.GOOD, Reason.ANOMALY)
    return ViewRecord(
        part_id=f"{camera}-{number}",
        camera=camera,
        trigger_ns=0,
        captured_ns=1 if inspected else None,
        verdict_ns=2 if inspected else None,
        reason=reason.value,
        detail="",
        score=0.1 if inspected else None,
        threshold=0.5 if inspected else None,
        model_version=version if inspected else "",
        fingerprint=None,
    )


class Watched:
    def __init__(self) -> None:
        self.book = AlarmBook()
        self.watch = LineWatch(SETTINGS, LANES, self.book)

    def hears(self, *records: PartRecord) -> set[tuple[str, str]]:
        for record in records:
            self.watch.decided(record, 0)
        return self.standing()

    def looks(self, now_ns: int, belt_unknown: bool = False, count: int = 0) -> set[tuple[str, str]]:
        reading = BinReading(run=1, count=count, seen_ns=now_ns, full=False)
        self.watch.look(Conditions(False, False, False, False, belt_unknown, reading), now_ns, 0)
        return self.standing()

    def standing(self) -> set[tuple[str, str]]:
        return {(one.alarm.name, one.subject) for one in self.book.standing}


@pytest.fixture
def line() -> Watched:
    return Watched()


GOOD = part(("top", Reason.GOOD), ("side", Reason.GOOD))


def test_rejects_of_one_part_count_once_whichever_camera_names_it(line: Watched) -> None:
    first_missed = part(("side", Reason.VIEW_MISSING))
    other_missed = part(("top", Reason.VIEW_MISSING))
    assert line.hears(first_missed, GOOD, first_missed, GOOD, GOOD, GOOD, other_missed) == set()
    raised = line.hears(first_missed, part(("top", Reason.GOOD), ("side", Reason.TOUCHING)))
    assert raised >= {("rejects_in_row", "top")}, "three in a row, of which side names one"
    assert {subject for _, subject in raised} == {"top"}
    assert line.watch.acknowledge("rejects_in_row", "top", "Ann", 0)


def test_a_double_trigger_or_a_late_view_is_no_part_for_any_alarm(line: Watched) -> None:
    doubles = [part(("end", Reason.DOUBLE_TRIGGER), number=n) for n in range(1, 9)]
    doubles += [part(("side", Reason.DOUBLE_TRIGGER), number=n) for n in range(1, 9)]
    doubles += [part(("side", Reason.LATE_VIEW), number=n) for n in range(1, 9)]
    line.looks(0)
    assert line.hears(*doubles) == set()
    assert line.looks(FALLEN_NS) == set(), "nothing falls into the bin for it"
    anomaly = part(("end", Reason.ANOMALY))
    assert line.hears(anomaly, doubles[0], anomaly, doubles[1]) == set()
    assert ("rejects_in_row", "end") in line.hears(anomaly), "nor does it end a row"


def test_a_part_that_was_joined_with_a_double_is_one_and_falls(line: Watched) -> None:
    line.looks(0)
    line.hears(part(("top", Reason.GOOD), ("side", Reason.DOUBLE_TRIGGER)))
    assert line.looks(FALLEN_NS) == {("reject_unconfirmed", "")}


def test_the_camera_that_is_blind_is_named_and_not_the_one_that_names_the_part(line: Watched) -> None:
    blind = part(("top", Reason.GOOD), ("side", Reason.CAMERA_BLIND))
    assert ("camera_blind", "side") in line.hears(blind, blind)
    assert ("camera_blind", "top") not in line.standing()
    assert ("camera_blind", "side") not in line.hears(GOOD)


def test_a_silent_encoder_is_an_alarm_while_it_lasts(line: Watched) -> None:
    second_ns = 1_000_000_000
    assert line.looks(0, belt_unknown=True) == set(), "for a moment it is none"
    assert line.looks(2 * second_ns, belt_unknown=True) == {("belt_unknown", "")}
    assert line.book.stop_requested
    assert line.looks(3 * second_ns) == set()


def test_a_new_model_is_challenged_at_every_camera_that_sees_the_part(tmp_path: Path, draw_frame) -> None:  # type: ignore[no-untyped-def]
    camera = {"source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 900, "part": "disc"}
    for name in LANES[0]:
        save_picture(tmp_path / "known" / "disc" / name / "scratch.png", draw_frame(1))
    document = {
        "line": f"challenged-{time.time_ns():x}",
        "recipe": "disc",
        "data_dir": "d",
        "belt": {"speed_mm_s": 1000},
        "cameras": dict.fromkeys(LANES[0], camera),
        "challenge": {"frames": "known"},
    }
    line = parse_line(document, tmp_path / "line.yaml")
    bus, ledger = Bus(line.sockets_dir), LedgerWriter(line.ledger_url, line.changes_path)
    captures = [bus.receiver(CHALLENGES, ChallengeRequest, name) for name in LANES[0]]
    alarms = AlarmDesk(line, bus, ledger)
    desk = ChallengeDesk(line, bus, alarms, 0)
    time.sleep(0.2)  # connections form

    def asked(now_ns: int) -> list[ChallengeRequest]:
        desk.turn(0, True, now_ns)
        time.sleep(0.1)
        return [request for capture in captures for request in capture.drain()]

    first = asked(2_000_000_000)
    assert [request.camera for request in first] == ["top", "side"]
    for request in first:
        desk.announced(announced(request), 2_000_000_000)
        desk.answered(found(request), 2_000_000_010)
    desk.decided(GOOD)
    assert asked(3_000_000_000) == [], "the model is the one from before"
    desk.decided(part(("top", Reason.GOOD), ("side", Reason.GOOD), version="v2"))
    assert [request.camera for request in asked(4_000_000_000)] == ["top", "side"]
    assert ledger.close(10)
    for capture in captures:
        capture.close()


def announced(request: ChallengeRequest) -> Announcement:
    return Announcement(
        part_id=request.part_id,
        camera=request.camera,
        trigger_ns=2_000_000_000,
        trigger_wall_ns=0,
        deadline_ns=2_500_000_000,
        gate_ns=2_900_000_000,
    )


def found(request: ChallengeRequest) -> Verdict:
    return Verdict(
        part_id=request.part_id,
        camera=request.camera,
        slot=SlotRef(ring="none", slot=0, generation=2),
        score=0.9,
        threshold=0.5,
        pixel_threshold=0.4,
        model_version="v1",
        fingerprint=1,
        captured_ns=2_000_000_001,
        inference_start_ns=2_000_000_002,
        inference_end_ns=2_000_000_003,
        heat=b"",
    )
