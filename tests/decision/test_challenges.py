"""When a known defect is put in, and what its verdict means."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from line_inspector.challenge_record import ChallengeOutcome, is_challenge
from line_inspector.config import ChallengeSettings
from line_inspector.decision.challenges import ASKED_FOR_NS, SETTLES_NS, TAKEN_WITHIN_NS, Challenges
from line_inspector.messages import Announcement, ChallengeRequest, Fault, SlotRef, Verdict
from line_inspector.part_record import Reason

S = 1_000_000_000
DEADLINE_NS = S // 2
SETTINGS = ChallengeSettings(frames="/none", every_min=1, overdue_s=30, retry_s=2)  # type: ignore[arg-type]


def challenges(**frames: list[str]) -> Challenges:
    """Of a decision that has just settled at 0."""
    return Challenges(SETTINGS, frames or {"top": ["a.png", "b.png"]}, DEADLINE_NS, -SETTLES_NS)


def announcement(request: ChallengeRequest, now_ns: int) -> Announcement:
    return Announcement(
        part_id=request.part_id,
        camera=request.camera,
        trigger_ns=now_ns,
        trigger_wall_ns=0,
        deadline_ns=now_ns + DEADLINE_NS,
        gate_ns=now_ns + S,
    )


def verdict(request: ChallengeRequest, score: float, now_ns: int, model: str = "v1") -> Verdict:
    return Verdict(
        part_id=request.part_id,
        camera=request.camera,
        slot=SlotRef(ring="r", slot=0, generation=2),
        score=score,
        threshold=0.5,
        pixel_threshold=0.5,
        model_version=model,
        fingerprint=1,
        captured_ns=now_ns,
        inference_start_ns=now_ns,
        inference_end_ns=now_ns,
        heat=b"",
    )


def asked(course: Challenges, now_ns: int) -> ChallengeRequest:
    (request,) = course.due(0, True, now_ns, now_ns)
    return request


def put_in(course: Challenges, now_ns: int) -> ChallengeRequest:
    request = asked(course, now_ns)
    assert course.announce(announcement(request, now_ns), now_ns, now_ns) == []
    return request


@pytest.mark.parametrize(
    ("score", "outcome", "reason"),
    [
        (0.9, ChallengeOutcome.PASSED, Reason.ANOMALY),
        (0.1, ChallengeOutcome.MISSED, Reason.GOOD),
        (float("nan"), ChallengeOutcome.UNANSWERED, Reason.BAD_SCORE),
    ],
)
def test_a_verdict_is_judged_as_of_any_part(score: float, outcome: ChallengeOutcome, reason: Reason) -> None:
    course = challenges()
    request = put_in(course, 0)
    assert is_challenge(request.part_id)
    (record,) = course.answer(verdict(request, score, 1), 2, 77)
    assert (record.outcome, record.reason, record.frame, record.decided_wall_ns) == (outcome, reason, "a.png", 77)
    assert course.answer(verdict(request, 0.9, 1), 2, 77) == [], "one answer counts"


def test_a_fault_and_silence_are_no_pass() -> None:
    course = challenges()
    request = put_in(course, 0)
    said = Fault(part_id=request.part_id, camera="top", reason=Reason.GOOD, detail="")
    (record,) = course.answer(said, 1, 1)
    assert record.outcome is ChallengeOutcome.UNANSWERED
    again = put_in(course, 3 * S)
    assert course.expire(True, 3 * S + DEADLINE_NS - 1, 1) == []
    (record,) = course.expire(True, 3 * S + DEADLINE_NS, 1)
    assert (record.part_id, record.reason) == (again.part_id, Reason.WORKER_DOWN)


def test_an_answer_that_overtakes_its_announcement_waits_for_it() -> None:
    course = challenges()
    request = asked(course, 0)
    assert course.answer(verdict(request, 0.9, 1), 1, 1) == []
    (record,) = course.announce(announcement(request, 0), 2, 2)
    assert record.outcome is ChallengeOutcome.PASSED


def test_the_same_picture_is_repeated_until_it_passes_and_then_the_next_is_taken() -> None:
    course, now_ns, seen = challenges(), 0, []
    for score in (0.1, 0.1, 0.9, 0.9, 0.9):
        while not (requests := course.due(0, True, now_ns, 0)):
            now_ns += S // 2
        course.announce(announcement(requests[0], now_ns), now_ns, 0)
        (record,) = course.answer(verdict(requests[0], score, now_ns), now_ns, 0)
        seen.append((record.frame, record.cause, now_ns // S))
    assert [frame for frame, _, _ in seen] == ["a.png", "a.png", "a.png", "b.png", "a.png"]
    assert [cause for _, cause, _ in seen] == ["start", "repetition", "repetition", "schedule", "schedule"]
    assert [at for _, _, at in seen] == [0, 2, 4, 64, 124]


def test_parts_go_first_and_waiting_too_long_is_told() -> None:
    course = challenges()
    assert course.due(1, True, 0, 0) == []
    assert course.due(0, False, 0, 0) == [], "there is nobody to answer"
    assert not course.overdue("top", 30 * S) and course.overdue("top", 30 * S + 1)
    course.decided("top", "v1", DEADLINE_NS // 3 + 1)
    assert course.due(0, True, 31 * S, 0) == [], "a part right behind it would be late"
    for _ in range(50):
        course.decided("top", "v1", DEADLINE_NS // 3)
    assert asked(course, 31 * S).expires_ns == 31 * S + ASKED_FOR_NS
    assert course.overdue("top", 31 * S), "asking is not yet answering"


def test_one_that_capture_did_not_take_is_asked_again() -> None:
    course = challenges()
    first = asked(course, 0)
    assert course.due(0, True, TAKEN_WITHIN_NS, 0) == []
    second = asked(course, TAKEN_WITHIN_NS + 1)
    assert second.part_id != first.part_id and second.frame == first.frame
    assert course.announce(announcement(first, 0), 1, 1) == [] == course.answer(verdict(first, 0.9, 1), 2, 2)


def test_a_new_model_and_a_new_shift_are_challenged_at_once() -> None:
    course = challenges()
    course.answer(verdict(put_in(course, 0), 0.9, 0), 0, 0)
    course.decided("top", "v1", 1)
    assert course.due(0, True, S, 0) == []
    course.decided("top", "v2", 1)
    (record,) = course.answer(verdict(put_in(course, S), 0.9, S, "v2"), S, 0)
    assert record.cause == "model"
    course.decided("top", "v2", 1)
    assert course.due(0, True, S, 0) == []
    course.hasten("shift")
    (record,) = course.answer(verdict(put_in(course, 2 * S), 0.9, 2 * S), 2 * S, 0)
    assert record.cause == "shift" and course.due(0, True, 3 * S, 0) == []


def test_a_challenge_that_the_model_before_has_passed_says_nothing_of_the_new_one() -> None:
    course = challenges()
    course.decided("top", "v1", 1)
    request = put_in(course, 0)
    course.decided("top", "v2", 1)
    assert course.answer(verdict(request, 0.9, 1, "v1"), 1, 0)
    course.decided("top", "v2", 1)
    (record,) = course.answer(verdict(put_in(course, 2 * S), 0.9, 2 * S, "v2"), 2 * S, 0)
    assert record.cause == "model"
    course.decided("top", "v2", 1)
    assert course.due(0, True, 3 * S, 0) == []


def test_without_pictures_it_is_overdue() -> None:
    course = challenges(top=[])
    assert course.due(0, True, 0, 0) == [] and course.overdue("top", 31 * S)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1), st.integers(0, 3 * S)), max_size=40))
def test_whatever_comes_only_an_anomaly_passes_and_every_camera_has_one_at_a_time(
    steps: list[tuple[int, float, int]],
) -> None:
    course, now_ns = challenges(top=["a.png"], side=["b.png"]), 0
    open_requests: dict[str, ChallengeRequest] = {}
    for what, score, pause_ns in steps:
        now_ns += pause_ns
        for request in course.due(0, True, now_ns, 0):
            open_requests[request.camera] = request
        for request in list(open_requests.values()):
            if what == 0:
                course.announce(announcement(request, now_ns), now_ns, 0)
            elif what == 1:
                for record in course.answer(verdict(request, score, now_ns), now_ns, 0):
                    assert (record.outcome is ChallengeOutcome.PASSED) <= (score >= 0.5)
                    assert (record.outcome is ChallengeOutcome.MISSED) <= (score < 0.5)
            elif what == 2:
                said = Fault(part_id=request.part_id, camera=request.camera, reason=Reason.NO_FRAME, detail="")
                records = course.answer(said, now_ns, 0)
                assert all(record.outcome is ChallengeOutcome.UNANSWERED for record in records)
        records = course.expire(False, now_ns, 0)
        assert all(record.outcome is ChallengeOutcome.UNANSWERED for record in records)


def test_a_line_that_stands_is_challenged_however_slow_its_last_parts_were() -> None:
    course = challenges()
    for number in range(50):
        course.decided("top", "v1", DEADLINE_NS)
        assert course.due(0, True, number * S // 4, 0) == [], "a part right behind would be late"
    stopped_ns = 50 * S // 4
    assert course.due(0, True, stopped_ns + S, 0) == []
    assert course.due(1, True, stopped_ns + 4 * S, 0) == []
    assert asked(course, stopped_ns + 4 * S).frame == "a.png"


def test_what_was_missed_before_a_restart_comes_first_after_it() -> None:
    frames = {"top": ["a.png", "b.png"], "side": ["a.png"]}
    course = Challenges(SETTINGS, frames, DEADLINE_NS, -SETTLES_NS, {"top": "b.png", "side": "gone.png"})
    requests = course.due(0, True, 0, 0)
    assert {request.camera: request.frame for request in requests} == {"top": "b.png", "side": "a.png"}
