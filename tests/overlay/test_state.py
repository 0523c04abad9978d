"""What the page shows, as a function of the messages so far and the time."""

from collections.abc import Callable
from pathlib import Path

import pytest
from overlay_results import START_NS, S, result

from line_inspector.config import Line
from line_inspector.line_file import read_line_file
from line_inspector.messages import Health, Result
from line_inspector.overlay.liveness import Life
from line_inspector.overlay.state import REJECTS_SHOWN, UNINSPECTED_ALARM, State
from line_inspector.overlay.view import CameraView, Condition, Standing
from line_inspector.overlay.words import REASONS
from line_inspector.part_record import Reason
from line_inspector.streams import HEALTH

STATIONS = ("decision", "inference", "capture.top", "world")


def health(station: str, at_ns: int, pid: int = 1, state: str = "serving", **counters: int) -> Health:
    return Health(station=station, pid=pid, sent_ns=at_ns, state=state, counters=counters)


@pytest.fixture
def state(line: Line) -> State:
    return State(line, START_NS)


def live(state: State, at_ns: int, *but: str) -> None:
    for station in STATIONS:
        if station not in but:
            state.liveness.take(health(station, at_ns))


def show(state: State, part: Result, picture: str = "") -> None:
    assert state.note(part)
    state.show(part, picture)


def camera(state: State, at_ns: int) -> CameraView:
    return state.view(at_ns).cameras[0]


def test_before_the_first_part_nothing_is_green(state: State) -> None:
    view = state.view(START_NS)
    assert view.condition is Condition.WAITING
    assert view.alarms == ()
    assert [station.life for station in view.stations] == [Life.AWAITED] * len(STATIONS)
    assert camera(state, START_NS).standing is Standing.WAITING


def test_a_verdict_shows_its_reason_its_score_and_the_limit(state: State) -> None:
    live(state, START_NS)
    show(state, result(accepted=False), "key")
    shown = camera(state, START_NS)
    assert (shown.standing, shown.headline) == (Standing.REJECT, "REJECT")
    assert shown.part is not None
    assert (shown.part.reason, shown.part.picture) == ("Defect found", "key")
    assert shown.part.score == "Score 0.900 ≥ limit 0.400"
    assert shown.part.score_share == 1.0
    assert shown.part.latency == "100 ms"


@pytest.mark.parametrize("score", [None, float("nan"), float("inf")])
def test_a_part_without_a_usable_score_has_no_gauge(state: State, score: float | None) -> None:
    show(state, result(accepted=False, score=score))
    part = camera(state, START_NS).part
    assert part is not None
    assert part.score_share is None
    assert part.score == "No usable score"


@pytest.mark.parametrize("silent", ["decision", "capture.top", "inference"])
def test_an_old_green_is_not_live_once_a_station_on_its_way_is_silent(state: State, silent: str) -> None:
    live(state, START_NS)
    show(state, result(1, at_ns=START_NS - 9 * S))
    show(state, result(2))
    later_ns = START_NS + HEALTH.dead_after_ns + 1
    live(state, later_ns, silent)
    shown = camera(state, later_ns)
    assert shown.standing is Standing.STALE
    assert "silent" in shown.stale_why
    assert "ACCEPT" not in shown.headline


def test_rejects_that_still_come_are_live_while_inference_is_silent(state: State) -> None:
    live(state, START_NS)
    later_ns = START_NS + HEALTH.dead_after_ns + 1
    live(state, later_ns, "inference")
    show(state, result(at_ns=later_ns, accepted=False, reason=Reason.WORKER_DOWN, score=None, threshold=None))
    assert camera(state, later_ns).standing is Standing.REJECT
    view = state.view(later_ns)
    assert view.condition is Condition.STOPPED
    assert view.alarms == ("Inference is silent for 2 s: parts are rejected without a verdict.",)


@pytest.mark.parametrize(("spacing_s", "fresh_s"), [(0.1, 3), (5, 15), (100, 30)])
def test_without_new_parts_a_verdict_lives_a_few_of_its_lines_own_periods(
    state: State, spacing_s: float, fresh_s: int
) -> None:
    show(state, result(1, at_ns=START_NS - int(spacing_s * S)))
    show(state, result(2))
    for age_ns, standing in ((fresh_s * S, Standing.ACCEPT), (fresh_s * S + 1, Standing.STALE)):
        live(state, START_NS + age_ns)
        assert camera(state, START_NS + age_ns).standing is standing
    assert camera(state, START_NS + fresh_s * S + 1).stale_why == f"No part for {fresh_s} s"


def test_totals_are_those_of_the_decision_station(state: State) -> None:
    counters = {"announced": 1010, "accepted": 900, "rejected": 100, "reason.good": 900}
    counters |= {"reason.anomaly": 60, "reason.no_verdict": 40, "reason.overrun": 0, "reason.from_a_newer_station": 1}
    state.liveness.take(health("decision", START_NS, **counters))
    counts = state.view(START_NS).counts
    assert (counts.triggers, counts.accepted, counts.rejected) == ("1,010", "900", "100")
    assert (counts.accepted_share, counts.rejected_share) == ("90.0 %", "10.0 %")
    assert counts.by_reason[:2] == (("Defect found", "60"), ("No verdict in time", "40"))
    assert counts.by_reason[2:] == (("from a newer station", "1"),)
    assert "Not current: as of 5 s ago" in state.view(START_NS + 5 * S).counts.note


def test_a_restarted_station_is_counted_and_a_starting_one_is_an_alarm(state: State) -> None:
    live(state, START_NS)
    state.liveness.take(health("inference", START_NS, pid=2, state="starting"))
    view = state.view(START_NS)
    assert view.stations[1].text == "starting, restarted 1×"
    assert view.condition is Condition.ATTENTION
    assert view.alarms == ("Inference is not serving yet (starting): parts are rejected without a verdict.",)


def test_a_station_never_heard_of_is_an_alarm_after_the_declared_time(state: State) -> None:
    later_ns = START_NS + HEALTH.dead_after_ns + 1
    live(state, later_ns, "decision")
    assert state.view(later_ns).alarms == ("Decision has not been heard of for 2 s: the gate rejects every part.",)
    assert state.view(later_ns).condition is Condition.STOPPED


def test_nothing_grows_with_the_number_of_parts_or_of_unknown_senders(state: State) -> None:
    for number in range(1000):
        show(state, result(number, accepted=False))
        state.liveness.take(health(f"stranger{number}", START_NS))
    view = state.view(START_NS)
    assert [part.part_id for part in view.rejects] == [f"top-{999 - place}" for place in range(REJECTS_SHOWN)]
    assert len(view.stations) == len(STATIONS)


def test_a_camera_that_the_line_does_not_have_is_not_shown(state: State) -> None:
    assert not state.note(result(camera="elsewhere"))
    assert len(state.view(START_NS).cameras) == 1


@pytest.mark.parametrize("reason", [Reason.ENGINE_FAULT, Reason.CAMERA_DOWN, Reason.JOURNAL_DOWN])
def test_parts_that_nobody_inspects_are_an_alarm_until_one_is_inspected(state: State, reason: Reason) -> None:
    live(state, START_NS)
    for number in range(UNINSPECTED_ALARM):
        assert state.view(START_NS).condition is Condition.INSPECTING
        show(state, result(number, accepted=False, reason=reason, score=None, threshold=None))
    view = state.view(START_NS)
    assert view.condition is Condition.ATTENTION
    assert view.alarms == (
        f"Camera top: the last {UNINSPECTED_ALARM} parts were rejected without inspection. {REASONS[reason]}.",
    )
    show(state, result(99, accepted=False))
    assert state.view(START_NS).condition is Condition.INSPECTING


def test_both_cameras_of_a_part_show_it_and_the_strip_of_rejects_shows_it_once(write_line: Callable[..., Path]) -> None:
    state = State(read_line_file(write_line("top", "side")), START_NS)
    for station in (*STATIONS, "capture.side"):
        state.liveness.take(health(station, START_NS))
    part = {"part_id": "top-1", "accepted": False, "decided_by": "side"}
    show(state, result(camera="top", view_id="top-1", leads=False, score=0.1, **part), "of top")
    show(state, result(camera="side", view_id="side-1", leads=True, score=0.9, **part), "of side")
    view = state.view(START_NS)
    top, side = view.cameras
    assert (top.standing, side.standing) == (Standing.REJECT, Standing.REJECT)
    assert top.part and side.part
    assert (top.part.reason, top.part.score) == ("Defect found by camera side", "Score 0.100 < limit 0.400")
    assert (side.part.reason, side.part.score) == ("Defect found", "Score 0.900 ≥ limit 0.400")
    assert [(shown.part_id, shown.picture) for shown in view.rejects] == [("top-1", "of side")]


def test_a_camera_that_sees_is_no_alarm_because_the_other_does_not(write_line: Callable[..., Path]) -> None:
    state = State(read_line_file(write_line("top", "side")), START_NS)
    part = {"accepted": False, "reason": Reason.NO_FRAME, "decided_by": "top"}
    for number in range(UNINSPECTED_ALARM):
        show(state, result(number, camera="top", leads=True, score=None, **part))
        show(state, result(number, camera="side", leads=False, score=0.1, **part))
    (alarm,) = [alarm for alarm in state.view(START_NS).alarms if "top" in alarm or "side" in alarm]
    assert "top" in alarm


def test_one_long_break_does_not_make_an_old_green_live(state: State) -> None:
    for number in range(4):
        show(state, result(number, at_ns=START_NS + number * S))
    show(state, result(9, at_ns=START_NS + 63 * S))
    now_ns = START_NS + 63 * S + 4 * S
    live(state, now_ns)
    assert camera(state, now_ns).standing is Standing.STALE
