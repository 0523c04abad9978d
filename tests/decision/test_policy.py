"""policy.py: what a verdict, a fault or silence means for a part."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from line_inspector.decision.policy import announced_late, blame, judge, unanswered
from line_inspector.messages import Announcement, Fault, SlotRef, Verdict
from line_inspector.part_record import Reason

ANNOUNCEMENT = Announcement(
    part_id="top-1-000001", camera="top", trigger_ns=1_000, trigger_wall_ns=0, deadline_ns=9_000, gate_ns=10_000
)
VERDICT = Verdict(
    part_id="top-1-000001",
    camera="top",
    slot=SlotRef(ring="r", slot=0, generation=2),
    score=0.2,
    threshold=0.5,
    pixel_threshold=0.4,
    model_version="v1",
    fingerprint=7,
    captured_ns=1_500,
    inference_start_ns=2_000,
    inference_end_ns=3_000,
    heat=b"",
)


def test_a_low_score_in_time_is_good() -> None:
    assert judge(VERDICT, ANNOUNCEMENT, 8_999).reason is Reason.GOOD


@pytest.mark.parametrize(
    ("changes", "now_ns", "reason"),
    [
        ({"score": 0.5}, 5_000, Reason.ANOMALY),
        ({"score": 0.9}, 5_000, Reason.ANOMALY),
        ({"score": math.nan}, 5_000, Reason.BAD_SCORE),
        ({"score": math.inf}, 5_000, Reason.BAD_SCORE),
        ({"score": -math.inf}, 5_000, Reason.BAD_SCORE),
        ({"score": -0.001}, 5_000, Reason.BAD_SCORE),
        ({"threshold": math.nan}, 5_000, Reason.BAD_SCORE),
        ({"threshold": math.inf}, 5_000, Reason.BAD_SCORE),
        ({}, 9_000, Reason.NO_VERDICT),
        ({"camera": "side"}, 5_000, Reason.WRONG_FRAME),
        ({"part_id": "top-1-000002"}, 5_000, Reason.WRONG_FRAME),
        ({"captured_ns": 999}, 5_000, Reason.WRONG_FRAME),
    ],
)
def test_anything_else_rejects_with_its_reason(changes: dict[str, object], now_ns: int, reason: Reason) -> None:
    assert judge(replace(VERDICT, **changes), ANNOUNCEMENT, now_ns).reason is reason


@given(score=st.floats(), threshold=st.floats(), now_ns=st.integers(0, 20_000), captured_ns=st.integers(0, 20_000))
def test_only_a_score_surely_below_in_time_on_a_fresh_frame_is_good(
    score: float, threshold: float, now_ns: int, captured_ns: int
) -> None:
    verdict = replace(VERDICT, score=score, threshold=threshold, captured_ns=captured_ns)
    good = judge(verdict, ANNOUNCEMENT, now_ns).reason is Reason.GOOD
    assert good == (0 <= score < threshold < math.inf and now_ns < 9_000 and captured_ns >= 1_000)


@pytest.mark.parametrize("reason", list(Reason))
def test_a_fault_never_accepts(reason: Reason) -> None:
    finding = blame(Fault(part_id="p", camera="top", reason=reason, detail="why"))
    unsaid = (Reason.GOOD, Reason.LATE_VIEW)  # what only decision itself can know; the latter would be no part at all
    assert finding.reason is (Reason.NO_VERDICT if reason in unsaid else reason)
    assert "why" in finding.detail


def test_silence_is_blamed_on_the_worker_only_when_it_is_down() -> None:
    assert unanswered(worker_down=True).reason is Reason.WORKER_DOWN
    assert unanswered(worker_down=False).reason is Reason.NO_VERDICT


def test_a_late_announcement_is_a_late_trigger_unless_decision_itself_was_not_there() -> None:
    assert announced_late(ANNOUNCEMENT, now_ns=9_500, attentive_since_ns=900).reason is Reason.LATE_TRIGGER
    assert announced_late(ANNOUNCEMENT, now_ns=9_500, attentive_since_ns=1_100).reason is Reason.NO_VERDICT
