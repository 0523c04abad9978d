"""window.py: windows of neighbours share nothing, and none is wider than the gate's."""

from hypothesis import given
from hypothesis import strategies as st

from line_inspector.tracking.window import Reach, Span, clipped

REACH = Reach(half_ns=40, least_half_ns=5)
FAR = 1_000


def test_a_part_by_itself_has_the_whole_window() -> None:
    assert clipped(REACH, 500, 500 - FAR, 500 + FAR) == Span(460, 540)


def test_a_window_ends_in_the_middle_to_each_neighbour() -> None:
    assert clipped(REACH, 500, 470, 561) == Span(485, 530)


@given(st.lists(st.integers(0, 200), min_size=2, max_size=8))
def test_windows_of_neighbours_never_share_a_place_nor_hold_another_part(gaps: list[int]) -> None:
    places = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    around = [places[0] - FAR, *places, places[-1] + FAR]
    windows = [clipped(REACH, place, around[i], around[i + 2]) for i, place in enumerate(places)]
    for i, window in enumerate(windows):
        assert window.end - window.start <= 2 * REACH.half_ns
        for j, other in enumerate(windows):
            shared = window.shared_with(other)
            assert i == j or shared.end < shared.start
            assert i == j or not window.start <= places[j] <= window.end or places[i] == places[j]


def test_a_window_keeps_away_from_one_that_was_given_already() -> None:
    given_away = Span(100, 140)
    assert Span(130, 200).apart_from(given_away, 160) == Span(141, 200)
    assert Span(60, 110).apart_from(given_away, 80) == Span(60, 99)
    assert Span(150, 200).apart_from(given_away, 160) == Span(150, 200)
    assert not Span(90, 170).apart_from(given_away, 120).reaches_around([120], 5)
