"""The report adds up, and its percentiles are those of the parts."""

from datetime import datetime
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_inspector.part_record import Reason, ViewRecord
from line_inspector.records.report import HOPS, Latency, report
from line_inspector.records.shift import shift_period
from line_inspector.records.timeline import MOST_SPANS, span_width_ns, timeline

MS = 1_000_000


@given(outcomes=st.lists(st.sampled_from(Reason)))
def test_every_part_is_counted_once(make_record, outcomes):
    records = [make_record(f"p{i}", reason=reason, accepted=reason is Reason.GOOD) for i, reason in enumerate(outcomes)]
    found = report(iter(records))
    assert found.triggers == len(outcomes) - found.late_views == found.accepted + found.rejected and found.balanced
    assert found.accepted == outcomes.count(Reason.GOOD)
    assert sum(found.by_reason.values()) == found.rejected
    assert all(
        found.by_reason[reason.value] == outcomes.count(reason)
        for reason in set(outcomes) - {Reason.GOOD, Reason.LATE_VIEW}
    )
    assert found.late_views == outcomes.count(Reason.LATE_VIEW)


def test_a_view_that_came_after_its_part_was_decided_is_not_a_second_reject(make_record):
    part = make_record("top-1", accepted=False, reason=Reason.VIEW_MISSING)
    late = make_record("side-1", accepted=False, reason=Reason.LATE_VIEW)
    found = report([part, late])
    assert (found.triggers, found.rejected, found.late_views, found.balanced) == (1, 1, 1, True)
    assert found.by_reason == {"view_missing": 1} and found.missing_numbers == 0
    assert [(span.accepted, span.rejected) for span in timeline([part, late], MS)] == [(0, 1)]
    assert not report([part, make_record("side-1", accepted=True, reason=Reason.LATE_VIEW)]).balanced


def test_each_hop_lies_between_its_two_times(make_record):
    latency = report([make_record("p")]).latency_ms
    assert {name: hop.p50 for name, hop in latency.items()} == {
        "trigger_to_capture": 4.0,
        "capture_to_inference": 6.0,
        "inference": 40.0,
        "inference_to_verdict": 2.0,
        "verdict_to_decision": 1.0,
        "trigger_to_decision": 53.0,
    }
    assert list(latency) == list(HOPS)


def test_percentiles_are_times_of_real_parts(make_record):
    records = [make_record(f"p{i}", trigger_ns=0, decided_ns=i * MS) for i in range(1, 101)]
    assert report(records).latency_ms["trigger_to_decision"] == Latency(100, p50=50.0, p90=90.0, p99=99.0, max=100.0)


def test_a_part_that_never_made_a_hop_does_not_count_in_it(make_record):
    blind = make_record("blind", captured_ns=None, inference_start_ns=None, inference_end_ns=None, verdict_ns=None)
    assert list(report([blind]).latency_ms) == ["trigger_to_decision"]
    assert report([blind, make_record("p")]).latency_ms["inference"].count == 1


def test_a_decision_after_the_deadline_is_late(make_record):
    records = [make_record(f"p{i}", decided_ns=1_000 + i, deadline_ns=1_001) for i in range(4)]
    assert report(records).late_decisions == 2


def test_an_empty_ledger_has_no_times():
    found = report([])
    assert (found.triggers, found.first_wall_ns, found.last_wall_ns, found.latency_ms) == (0, None, None, {})


def test_a_row_that_was_accepted_for_no_good_reason_does_not_add_up(make_record):
    assert report([make_record("p")]).balanced
    assert not report([make_record("p", reason=Reason.ANOMALY)]).balanced
    assert not report([make_record("p", accepted=False)]).balanced


@given(numbers=st.sets(st.integers(0, 60), min_size=2))
def test_numbers_that_no_row_has_are_counted_within_each_run(make_record, numbers):
    records = [make_record(f"top-{run}-{i:06d}") for run in ("a", "b") for i in numbers]
    expected = 2 * (max(numbers) - min(numbers) + 1 - len(numbers))
    assert report([*records, make_record("plain"), make_record("x-y")]).missing_numbers == expected


def test_a_part_that_several_cameras_see_is_counted_once_and_timed_from_the_deciding_trigger(make_record):
    """The other camera stands before the first one: its picture is older than the part's own trigger."""
    told = make_record("p")

    def seen(number, cameras):
        views = [
            ViewRecord(
                part_id=f"{camera}-a-{number}", camera=camera, trigger_ns=told.trigger_ns - earlier_ns,
                captured_ns=told.captured_ns - earlier_ns, verdict_ns=None, reason="good", detail="", score=None,
                threshold=None, model_version="", fingerprint=None,
            )
            for camera, earlier_ns in cameras
        ]  # fmt: skip
        text = msgspec.json.encode(views).decode()
        return make_record(views[0].part_id, views=text, captured_ns=views[-1].captured_ns)

    both, alone = [("top", 0), ("side", 60 * MS)], [("side", 60 * MS)]
    found = report([seen(1, both), seen(2, alone), seen(3, both)])
    assert (found.triggers, found.missing_numbers) == (3, 1), "top has missed the second"
    assert found.latency_ms["trigger_to_capture"] == Latency(3, 4.0, 4.0, 4.0, 4.0)


@given(st.lists(st.integers(0, 10**15), min_size=1))
def test_every_part_lies_in_one_span_of_the_timeline(make_record, walls):
    records = [make_record(f"p{i}", trigger_wall_ns=wall) for i, wall in enumerate(walls)]
    width_ns = span_width_ns(min(walls), max(walls))
    spans = timeline(records, width_ns)
    assert len(spans) <= MOST_SPANS
    assert sum(span.accepted + span.rejected for span in spans) == len(walls)
    assert [span.begin_wall_ns for span in spans] == sorted({span.begin_wall_ns for span in spans})
    assert all(b.begin_wall_ns - a.begin_wall_ns == width_ns for a, b in pairwise(spans))


@pytest.mark.parametrize(
    ("times", "now", "begin", "end"),
    [
        ("06:00-14:00", "2026-03-02 09:00", "2026-03-02 06:00", "2026-03-02 14:00"),
        ("06:00-14:00", "2026-03-02 20:00", "2026-03-02 06:00", "2026-03-02 14:00"),
        ("06:00-14:00", "2026-03-02 05:59", "2026-03-01 06:00", "2026-03-01 14:00"),
        ("22:00-06:00", "2026-03-02 03:00", "2026-03-01 22:00", "2026-03-02 06:00"),
        ("22:00-06:00", "2026-03-02 22:00", "2026-03-02 22:00", "2026-03-03 06:00"),
        ("16:00-00:00", "2026-03-02 23:00", "2026-03-02 16:00", "2026-03-03 00:00"),
    ],
)
def test_the_latest_shift_that_has_begun(times, now, begin, end):
    found = shift_period(times, None, datetime.fromisoformat(now))
    assert [f"{at:%Y-%m-%d %H:%M}" for at in found] == [begin, end]
    assert shift_period(times, found[0].date(), datetime.fromisoformat("2030-01-01")) == found
