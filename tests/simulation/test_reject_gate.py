"""gate.py: a part passes only on its own accept, in its window, while the heartbeat is young."""

from hypothesis import given
from hypothesis import strategies as st

from line_inspector.messages import AcceptPart
from line_inspector.simulation.gate import SimulatedReject, Why

TIMEOUT_NS = 250
GATE_NS = 10_000


def accept(part_id: str = "a", camera: str = "top", start_ns: int = 9_900, end_ns: int = 10_100) -> AcceptPart:
    return AcceptPart(part_id=part_id, camera=camera, window_start_ns=start_ns, window_end_ns=end_ns)


def living_gate() -> SimulatedReject:
    gate = SimulatedReject(TIMEOUT_NS)
    gate.beat(GATE_NS - 10)
    return gate


def test_the_rest_position_is_reject() -> None:
    passage = living_gate().passage("a", "top", GATE_NS)
    assert (passage.accepted, passage.why, passage.accept_received_ns) == (False, Why.NO_ACCEPT, None)


def test_an_accept_in_time_passes_that_part_once() -> None:
    gate = living_gate()
    gate.accept(accept(), 5_000)
    gate.accept(accept(), 6_000)
    passage = gate.passage("a", "top", GATE_NS)
    assert (passage.accepted, passage.why, passage.accept_received_ns) == (True, Why.ACCEPTED, 5_000)
    assert not gate.passage("a", "top", GATE_NS).accepted


def test_no_other_part_passes_on_it() -> None:
    gate = living_gate()
    gate.accept(accept("b"), 5_000)
    gate.accept(accept("a", camera="side"), 5_000)
    assert not gate.passage("a", "top", GATE_NS).accepted


def test_an_accept_that_comes_with_the_part_or_later_is_too_late() -> None:
    gate = living_gate()
    gate.accept(accept(), GATE_NS)
    assert gate.passage("a", "top", GATE_NS).why is Why.NO_ACCEPT


def test_a_window_must_cover_the_moment() -> None:
    gate = living_gate()
    gate.accept(accept(start_ns=GATE_NS + 1), 5_000)
    assert gate.passage("a", "top", GATE_NS).why is Why.OUTSIDE_WINDOW


def test_a_silent_decision_lets_nothing_pass() -> None:
    for sent_ns in (None, GATE_NS - TIMEOUT_NS, 0, GATE_NS + 1):
        gate = SimulatedReject(TIMEOUT_NS)
        if sent_ns is not None:
            gate.beat(sent_ns)
        gate.accept(accept(), 5_000)
        assert gate.passage("a", "top", GATE_NS).why is Why.NO_HEARTBEAT


def test_the_last_heartbeat_counts_so_that_decision_can_stop_the_gate_at_once() -> None:
    gate = living_gate()
    gate.accept(accept(), 5_000)
    gate.beat(0)
    assert gate.passage("a", "top", GATE_NS).why is Why.NO_HEARTBEAT


def test_accepts_for_parts_that_never_come_are_forgotten() -> None:
    gate = living_gate()
    gate.accept(accept("ghost", start_ns=100, end_ns=200), 50)
    gate.accept(accept("a"), 5_000)
    assert gate.passage("ghost", "top", 150).accept_received_ns is None


@given(
    accepted_id=st.sampled_from("ab"),
    received_ns=st.integers(9_000, 11_000),
    start_ns=st.integers(9_800, 10_200),
    width_ns=st.integers(0, 400),
    beat_ns=st.one_of(st.none(), st.integers(9_500, 10_500)),
)
def test_every_condition_is_needed(
    accepted_id: str, received_ns: int, start_ns: int, width_ns: int, beat_ns: int | None
) -> None:
    gate = SimulatedReject(TIMEOUT_NS)
    if beat_ns is not None:
        gate.beat(beat_ns)
    gate.accept(accept(accepted_id, start_ns=start_ns, end_ns=start_ns + width_ns), received_ns)
    expected = (
        accepted_id == "a"
        and received_ns < GATE_NS
        and start_ns <= GATE_NS <= start_ns + width_ns
        and beat_ns is not None
        and GATE_NS - TIMEOUT_NS < beat_ns <= GATE_NS
    )
    assert gate.passage("a", "top", GATE_NS).accepted == expected
