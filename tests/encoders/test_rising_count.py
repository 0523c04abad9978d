"""rising_count.py: wraps, resets, trembling and silence, by the counter's value alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_inspector.encoders.counter import RawCount
from line_inspector.encoders.rising_count import RisingCount
from line_inspector.tracking.encoded_belt import FASTEST

MS = 1_000_000
NS_PER_COUNT = 0.2 * MS  # 50 counts in 10 ms at the belt's highest speed
SILENT_NS = 100 * MS


class Followed:
    """A counter that is read every 10 ms."""

    def __init__(self, first: int, bits: int = 16) -> None:
        self.rising, self.now_ns, self._bits = RisingCount(NS_PER_COUNT, 10 * MS, SILENT_NS), 1_000 * MS, bits
        assert not self.read(first), "the first reading is a beginning"

    def read(self, value: int, after_ms: int = 10) -> bool:
        self.now_ns += after_ms * MS
        raw = RawCount(value % 2**self._bits, self._bits, self.now_ns, self.now_ns + MS)
        return self.rising.follow(raw)


@pytest.mark.parametrize(("bits", "first"), [(16, 2**16 - 60), (32, 2**32 - 60), (64, 2**64 - 60)])
def test_across_a_wrap_the_count_goes_on_rising(bits: int, first: int) -> None:
    counter = Followed(first, bits)
    start = counter.rising.count
    for number in range(1, 5):
        assert counter.read(first + 50 * number)
        assert counter.rising.count == start + 50 * number


@pytest.mark.parametrize("value", [0, 7, 20_000, 40_000], ids=["zero", "nearly", "back", "far ahead"])
def test_a_counter_that_was_set_is_a_fall_and_no_wrap(value: int) -> None:
    counter = Followed(30_000)
    before = counter.rising.count
    assert not counter.read(value)
    assert counter.rising.count < before and counter.rising.beginnings == 2
    after = counter.rising.count
    assert counter.read(value + 50) and counter.rising.count == after + 50


def test_a_belt_that_trembles_neither_falls_nor_goes_on() -> None:
    counter = Followed(0)
    start = counter.rising.count
    for value in (-1, 0, -2, 0, -20, 1, -1, 0, 1):
        assert counter.read(value)
    assert counter.rising.count == start + 1
    assert not counter.read(-40), "so far it does not roll back"


def test_after_silence_the_count_begins_anew_however_plausible_it_is() -> None:
    counter = Followed(0)
    before = counter.rising.count
    assert counter.read(100, after_ms=99)
    assert not counter.read(150, after_ms=150)
    assert counter.rising.count < before


@pytest.mark.parametrize("ns_per_count", [100.0, 1_000_000.0])
def test_a_beginning_lies_lower_than_the_belt_can_run_until_it_is_heard(ns_per_count: float) -> None:
    """However fine the count is, and however soon it begins anew."""
    rising, now_ns = RisingCount(ns_per_count, 0, SILENT_NS), 3_000 * 10**9
    value = 5 * 10**9
    for _ in range(3):
        rising.follow(RawCount(value, 64, now_ns, now_ns))
        before, value, now_ns = rising.count, value // 2, now_ns + 10 * MS
    rising.follow(RawCount(0, 64, now_ns, now_ns))
    assert rising.beginnings == 4 and (before - rising.count) * ns_per_count > FASTEST * SILENT_NS


def test_another_process_begins_lower_than_every_one_before_it() -> None:
    first = Followed(500)
    for _ in range(3):
        first.read(0)
        first.read(30_000)
    second = RisingCount(NS_PER_COUNT, 0, SILENT_NS)
    second.follow(RawCount(0, 16, 10**12, 10**12))
    assert second.count < first.rising.count


@given(st.integers(0, 2**16 - 1), st.lists(st.integers(0, 60), max_size=200))
def test_whatever_the_belt_does_at_a_possible_speed_no_count_is_lost(first: int, steps: list[int]) -> None:
    counter = Followed(first)
    start, gone = counter.rising.count, 0
    for step in steps:
        gone += step
        assert counter.read(first + gone)
    assert counter.rising.count == start + gone
