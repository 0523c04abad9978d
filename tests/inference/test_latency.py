"""The latency estimate follows the machine, and one slow batch does not move it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_inspector.inference.latency import RECENT_BATCHES, LatencyEstimate


def test_before_the_first_batch_nothing_is_known() -> None:
    with pytest.raises(ValueError, match="timed"):
        LatencyEstimate().latency_ns(1)


def test_one_slow_batch_is_forgotten() -> None:
    estimate = LatencyEstimate()
    for duration_ns in (20, 20, 20, 10_000, 20):
        estimate.record(1, duration_ns)
    assert estimate.latency_ns(1) == 20


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_lasting_change_is_followed(before_ns: int, after_ns: int) -> None:
    estimate = LatencyEstimate()
    for duration_ns in [before_ns] * RECENT_BATCHES + [after_ns] * (RECENT_BATCHES // 2 + 1):
        estimate.record(1, duration_ns)
    assert estimate.latency_ns(1) == after_ns


def test_sizes_in_between_and_beyond_lie_on_a_line() -> None:
    estimate = LatencyEstimate()
    estimate.record(2, 100)
    estimate.record(6, 300)
    assert [estimate.latency_ns(size) for size in (2, 3, 4, 6, 12)] == [100, 150, 200, 300, 600]
    assert estimate.latency_ns(1) == 100


@given(st.dictionaries(st.integers(1, 32), st.integers(1, 10**9), min_size=1), st.integers(1, 64))
def test_an_estimate_is_never_below_all_or_negative(seen: dict[int, int], size: int) -> None:
    estimate = LatencyEstimate()
    for batch_size, duration_ns in seen.items():
        estimate.record(batch_size, duration_ns)
    assert estimate.latency_ns(size) >= min(seen.values())
