"""The report adds up, and its percentiles are those of the parts."""

from hypothesis import given
from hypothesis import strategies as st

from line_inspector.messages import Reason
from line_inspector.records.report import HOPS, Latency, report

MS = 1_000_000


@given(outcomes=st.lists(st.sampled_from(Reason)))
def test_every_part_is_counted_once(make_record, outcomes):
    records = [make_record(f"p{i}", reason=reason, accepted=reason is Reason.GOOD) for i, reason in enumerate(outcomes)]
    found = report(iter(records))
    assert found.triggers == len(outcomes) == found.accepted + found.rejected
    assert found.accepted == outcomes.count(Reason.GOOD)
    assert sum(found.by_reason.values()) == found.rejected
    assert all(found.by_reason[reason.value] == outcomes.count(reason) for reason in set(outcomes) - {Reason.GOOD})


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
