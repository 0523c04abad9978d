"""A minute at the highest rate that this machine sustains; the rate is found by climbing until parts are lost."""

import pytest
from line_under_test import LineUnderTest, assert_nothing_slipped_through

RATES_HZ = (5, 8, 12, 18, 27, 40, 60)
TOLERATED = 0.02  # a machine with two cores hiccups now and then
CLIMB_S = 6


@pytest.mark.slow
def test_a_minute_at_the_highest_sustained_rate(line_under_test: LineUnderTest) -> None:
    line = line_under_test
    line.document["cameras"]["top"]["max_rate_hz"] = 60
    line.start()
    sustained_hz = RATES_HZ[0]
    for rate_hz in RATES_HZ:
        if _uninspected_share(line, rate_hz, CLIMB_S) > TOLERATED:
            break
        sustained_hz = rate_hz
    lost = _uninspected_share(line, sustained_hz, 60)
    print(f"sustained {sustained_hz} parts/s; without verdict in the last minute: {lost:.2%}")
    assert_nothing_slipped_through(line)
    assert lost < 0.05, "a rate that is not sustained proves nothing"


def _uninspected_share(line: LineUnderTest, rate_hz: float, seconds: float) -> float:
    """Share of the parts of one run of the world that got no verdict."""
    before = set(line.ledger())
    line.set_world(rate_hz=rate_hz)
    line.start_world("--seconds", str(seconds))
    line.finish_world(seconds + 60)
    parts = [part for part_id, part in line.ledger().items() if part_id not in before]
    return sum(part.score is None for part in parts) / len(parts)
