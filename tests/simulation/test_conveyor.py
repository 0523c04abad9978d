"""conveyor.py: the belt never goes back, keeps to its speeds, and stops now and then."""

import random

from hypothesis import given
from hypothesis import strategies as st

from line_inspector.simulation.conveyor import ChangingConveyor, Speeds

S = 1_000_000_000


def conveyor(seed: int = 0, stop_share: float = 0.3) -> ChangingConveyor:
    return ChangingConveyor(Speeds(change_s=1, least=0.4, stop_share=stop_share), 5 * S, random.Random(seed))


@given(seed=st.integers(0, 50), moments=st.lists(st.integers(0, 60 * S), min_size=2, max_size=20))
def test_places_and_moments_belong_together(seed: int, moments: list[int]) -> None:
    belt, moments = conveyor(seed), sorted(moments)
    places = [belt.place(5 * S + at_ns) for at_ns in moments]
    assert places == sorted(places)
    for (before_ns, before), (at_ns, place) in zip(
        zip(moments, places, strict=True), list(zip(moments, places, strict=True))[1:], strict=False
    ):
        assert place - before <= at_ns - before_ns + 10, "faster than its highest speed"
    for place in places:
        assert abs(belt.place(belt.when(place)) - place) <= 10


def test_it_stops_and_goes_on_and_the_seed_decides() -> None:
    belt = conveyor()
    steps = [belt.place(5 * S + n * S // 10 + S // 10) - belt.place(5 * S + n * S // 10) for n in range(1_200)]
    assert 0.02 < sum(step == 0 for step in steps) / len(steps) < 0.5
    assert belt.place(120 * S) == conveyor().place(120 * S) != conveyor(seed=1).place(120 * S)
    without_stops = conveyor(stop_share=0)
    assert all(without_stops.place((n + 1) * S) > without_stops.place(n * S) for n in range(5, 100))
