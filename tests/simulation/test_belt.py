"""belt.py: when parts come, how they travel, and what they are called."""

import random

from hypothesis import given
from hypothesis import strategies as st

from line_inspector.messages import Scene
from line_inspector.simulation.belt import STANDSTILL_NS, Belt, Spacing
from line_inspector.simulation.scenes import Subject

S = 1_000_000_000
SUBJECT = Subject(Scene(seed=1), False)


def spacing(rate_hz: float = 10, jitter: float = 0.2, seed: int = 0) -> Spacing:
    return Spacing(rate_hz, jitter, start_ns=1 * S, rng=random.Random(seed))


def times(source: Spacing, count: int) -> list[int]:
    return [source.advance(source.next_ns) for _ in range(count)]


@given(rate_hz=st.floats(0.5, 500), jitter=st.floats(0, 0.9), seed=st.integers(0, 100))
def test_gaps_stay_within_the_jitter(rate_hz: float, jitter: float, seed: int) -> None:
    triggers = times(spacing(rate_hz, jitter, seed), 50)
    gaps = [after - before for before, after in zip(triggers, triggers[1:], strict=False)]
    mean_ns = 1e9 / rate_hz
    assert min(gaps) >= mean_ns * (1 - jitter) - 1 and max(gaps) <= mean_ns * (1 + jitter) + 1


def test_the_mean_rate_is_the_one_asked_for_and_the_seed_decides_the_rest() -> None:
    triggers = times(spacing(), 2_000)
    assert 9.8 < 1_999 / ((triggers[-1] - triggers[0]) / S) < 10.2
    assert triggers == times(spacing(), 2_000) != times(spacing(seed=1), 2_000)


def test_a_late_world_keeps_the_belt_time_of_its_triggers() -> None:
    source = spacing(jitter=0)
    assert source.advance(1 * S + 30_000_000) == 1 * S
    assert source.next_ns == 1 * S + 100_000_000


def test_a_world_that_stood_still_had_a_belt_that_stood_still() -> None:
    source = spacing(jitter=0)
    now_ns = 1 * S + 5 * STANDSTILL_NS
    assert source.advance(now_ns) == now_ns


def test_parts_reach_the_gate_in_order_after_their_travel() -> None:
    belt = Belt("top", "1a2b", travel_ns=1 * S, spacing=spacing(jitter=0))
    assert belt.next_gate_ns is None
    first, second = (belt.trigger(SUBJECT, belt.next_trigger_ns) for _ in range(2))
    assert (first.part_id, second.part_id) == ("top-1a2b-000001", "top-1a2b-000002")
    assert (first.trigger_ns, first.gate_ns) == (1 * S, 2 * S)
    assert belt.next_gate_ns == 2 * S and len(belt) == 2
    assert belt.at_gate(2 * S - 1) == []
    assert belt.at_gate(2 * S) == [first]
    assert belt.at_gate(3 * S) == [second] and len(belt) == 0
