"""stepped_count.py: what is told of a count that a PLC brings up to date once in a cycle."""

import random

import pytest

from line_inspector.encoders.stepped_count import SteppedCount
from line_inspector.tracking.encoded_belt import EncodedBelt

MS = 1_000_000
NS_PER_COUNT = 0.05 * MS
STALE_NS = 100 * MS


def test_a_count_without_a_cycle_is_told_of_the_middle_of_its_reading() -> None:
    stepped = SteppedCount(0)
    reading = stepped.reading(5, 100 * MS, 104 * MS)
    assert reading and (reading.count, reading.read_ns, reading.uncertain_ns) == (5, 102 * MS, 2 * MS)


def test_a_count_that_changed_has_done_so_since_the_reading_before() -> None:
    stepped = SteppedCount(10 * MS)
    stepped.reading(5, 100 * MS, 101 * MS)
    reading = stepped.reading(6, 104 * MS, 105 * MS)
    assert reading and (reading.read_ns, reading.uncertain_ns) == (102_500_000, 2_500_000)


def test_a_count_that_has_not_changed_tells_only_of_a_cycle_ago() -> None:
    stepped = SteppedCount(10 * MS)
    stepped.reading(5, 100 * MS, 101 * MS)  # of 95.5 ms
    assert stepped.reading(5, 104 * MS, 105 * MS) is None, "it may be waiting for the next cycle"
    assert stepped.reading(5, 110 * MS, 111 * MS) is None, "a cycle ago it may just not have come so far"
    reading = stepped.reading(5, 112 * MS, 113 * MS)
    assert reading and (reading.read_ns, reading.uncertain_ns) == (102 * MS, 0)


@pytest.mark.parametrize("cycle_ms", [0, 1, 4, 10, 20, 50])
@pytest.mark.parametrize("speed", [1.0, 0.3])
def test_a_belt_behind_a_plc_keeps_its_place_and_speed(cycle_ms: int, speed: float) -> None:
    """Steps of a cycle, read with jitter: every place within its uncertainty, and never a new beginning."""
    dice, stepped = random.Random(cycle_ms), SteppedCount(cycle_ms * MS)
    belt = EncodedBelt(NS_PER_COUNT, STALE_NS)
    updated_ns, next_ns, at_ns, told = 0, 0, 1_000 * MS, 0
    while at_ns < 3_000 * MS:
        asked_ns, answered_ns = at_ns, at_ns + dice.randrange(MS // 2, 4 * MS)
        shown_ns = dice.randrange(asked_ns, answered_ns)
        while cycle_ms and next_ns <= shown_ns:
            updated_ns, next_ns = next_ns, next_ns + dice.randrange(cycle_ms * MS * 8 // 10, cycle_ms * MS + 1)
        count = int(speed * (updated_ns if cycle_ms else shown_ns) / NS_PER_COUNT)
        reading = stepped.reading(count, asked_ns, answered_ns)
        if reading:
            off_ns = abs(reading.count * NS_PER_COUNT - speed * reading.read_ns)
            assert off_ns <= speed * reading.uncertain_ns + 2 * NS_PER_COUNT
            assert belt.read(reading.count, reading.read_ns, reading.uncertain_ns) is True
            told += 1
        at_ns += 10 * MS + dice.randrange(-MS, MS)
    assert told >= 2_000 / max(10, cycle_ms) * 0.9
    assert belt.unknown(at_ns) == ""
    ahead_ns = at_ns + 60 * MS
    expected = belt.expected(ahead_ns)
    assert expected is not None
    assert abs(expected - speed * ahead_ns) <= speed * (cycle_ms + 8) * MS


def test_a_belt_that_stops_behind_a_plc_stands_and_is_heard() -> None:
    stepped, belt = SteppedCount(10 * MS), EncodedBelt(NS_PER_COUNT, STALE_NS)
    for number in range(100):
        at_ns = 1_000 * MS + number * 10 * MS
        count = min(number, 50) * 200
        reading = stepped.reading(count, at_ns, at_ns + MS)
        if reading:
            belt.read(reading.count, reading.read_ns, reading.uncertain_ns)
    assert belt.unknown(at_ns) == "" and belt.place(at_ns) == belt.expected(at_ns + 500 * MS) == 50 * 10 * MS
