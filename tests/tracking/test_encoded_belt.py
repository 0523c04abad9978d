"""encoded_belt.py: where the belt was, is and will be, by an encoder's counts."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_inspector.encoders.counter import RawCount
from line_inspector.encoders.rising_count import RisingCount
from line_inspector.tracking.belt import NEVER_NS
from line_inspector.tracking.encoded_belt import EncodedBelt

MS = 1_000_000
STALE_NS = 100 * MS
NS_PER_COUNT = 0.2 * MS


def running(speed: float = 1.0, readings: int = 20) -> EncodedBelt:
    """Read every 10 ms from 0 on; belt time 0 at first."""
    belt = EncodedBelt(NS_PER_COUNT, STALE_NS)
    for number in range(readings):
        assert belt.read(int(number * 10 * MS * speed / NS_PER_COUNT), number * 10 * MS)
    return belt


def test_between_readings_and_shortly_after_the_place_is_known() -> None:
    belt = running(speed=0.5)
    assert belt.place(95 * MS) == pytest.approx(47.5 * MS, abs=NS_PER_COUNT)
    assert belt.place(210 * MS) == pytest.approx(105 * MS, abs=2 * NS_PER_COUNT)
    assert belt.place(-1) is None and belt.place(191 * MS + STALE_NS) is None


def test_the_moment_of_a_place_follows_the_speed_of_now() -> None:
    assert running(speed=0.5).when(195 * MS) == pytest.approx(390 * MS, rel=0.02)
    assert running(speed=1.0).when(395 * MS) == pytest.approx(395 * MS, rel=0.02)
    stopped = running(speed=0.0)
    assert stopped.when(1) == NEVER_NS and stopped.place(250 * MS) == 0


def test_silence_is_not_knowing() -> None:
    belt = running()
    assert belt.unknown(190 * MS + STALE_NS) == "" and "silent" in belt.unknown(191 * MS + STALE_NS)
    assert "not been heard" in EncodedBelt(NS_PER_COUNT, STALE_NS).unknown(0)


@pytest.mark.parametrize("count", [0, 100, 100_000], ids=["from nothing", "less", "too much"])
def test_a_count_that_does_not_follow_is_a_new_beginning(count: int) -> None:
    belt = running()
    assert not belt.read(count, 200 * MS)
    assert belt.place(100 * MS) is None and belt.since_ns == 200 * MS


def test_of_a_silence_nothing_is_known_afterwards() -> None:
    belt = running()
    assert not belt.read(2500, 500 * MS), "the belt can have gone so far, but the count may be another"
    assert belt.place(185 * MS) is None and belt.place(499 * MS) is None and belt.place(500 * MS) == 500 * MS
    assert running().read(1400, 290 * MS), "that was no silence"


def test_two_beginnings_that_nobody_heard_are_not_taken_for_the_belts_way() -> None:
    """A fine encoder, whose count since its last beginning has gone beyond the one before it."""
    belt, ns_per_count = EncodedBelt(0.02 * MS, STALE_NS), 0.02 * MS

    def station(start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
        rising = RisingCount(ns_per_count, 10 * MS, STALE_NS)
        for at_ms in range(start_ms, end_ms, 10):
            rising.follow(RawCount(at_ms * 50, 32, at_ms * MS, at_ms * MS))
            yield rising.count, at_ms * MS

    assert all(belt.read(*reading) for reading in station(100_000, 100_100))
    heard = [belt.read(*reading) for reading in list(station(100_500, 101_200))[20:]]
    assert heard == [False] + [True] * 49 and belt.place(100_090 * MS) is None


def test_readings_whose_moment_is_uncertain_may_seem_faster_than_the_belt() -> None:
    belt = EncodedBelt(NS_PER_COUNT, STALE_NS)
    assert belt.read(0, 0, 5 * MS) and belt.read(100, 10 * MS, 5 * MS), "20 ms of the belt, 10 ms apart, 10 ms unsure"
    assert not belt.read(250, 20 * MS, 0), "30 ms of it is too much"


@given(st.lists(st.integers(0, 100), min_size=8, max_size=60))
def test_places_never_go_back_and_every_place_has_its_moment(counts: list[int]) -> None:
    belt, total = EncodedBelt(NS_PER_COUNT, STALE_NS), 0
    for number, more in enumerate(counts):
        total += min(more, 50)
        assert belt.read(total, number * 10 * MS)
    end_ns = (len(counts) - 1) * 10 * MS
    places = [belt.place(at_ns) for at_ns in range(0, end_ns, 3 * MS)]
    assert None not in places and places == sorted(places)
    for place in places:
        at_ns = belt.when(place)
        assert at_ns <= end_ns or place >= belt.place(end_ns)


def test_a_count_that_stands_when_a_part_comes_is_not_believed_until_it_changes() -> None:
    belt = running()
    assert belt.moved(100 * MS) is True and belt.moved(185 * MS) is True, "a part came, and so did the belt"
    assert belt.moved(195 * MS) is None, "the belt was not read since"
    for at_ms in (200, 210):
        assert belt.read(950, at_ms * MS)
    assert belt.moved(195 * MS) is None, "it may be about to stop, or to go on"
    assert belt.read(950, 220 * MS)
    assert belt.moved(195 * MS) is False
    belt.mistrust()
    assert belt.read(950, 230 * MS) and belt.place(230 * MS) is None and "stands" in belt.unknown(230 * MS)
    assert belt.read(1000, 240 * MS) and belt.place(240 * MS) == 200 * MS and belt.unknown(240 * MS) == ""


def test_a_belt_that_stops_right_after_a_part_came_has_moved_as_far_as_is_known() -> None:
    belt = EncodedBelt(NS_PER_COUNT, STALE_NS)
    for number, count in enumerate((0, 50, 100, 150, 150, 150, 150, 150, 150)):
        belt.read(count, number * 10 * MS, 4 * MS if count < 150 else 0)
    assert belt.moved(24 * MS) is True, "its last way comes after it"
    assert belt.moved(29 * MS) is False, "its last way may as well have been before it"
