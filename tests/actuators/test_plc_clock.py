"""plc_clock.py: whatever the network does, a window told in the PLC's counts never reaches beyond the true one."""

from hypothesis import given
from hypothesis import strategies as st

from line_inspector.actuators.plc_clock import NS_PER_COUNT, PlcClock
from line_inspector.actuators.plc_signals import CLOCK_MODULUS

MS = 1_000_000
S = 1_000 * MS


def shown(true_ns: int, cycle_ms: int) -> int:
    """What the PLC's program sees of its clock: the value at the start of its cycle."""
    step = max(1, cycle_ms)
    count = true_ns // NS_PER_COUNT
    return (count - count % step) % CLOCK_MODULUS


readings = st.lists(
    st.tuples(st.integers(0, 200 * MS), st.integers(0, 10 * MS), st.floats(0, 1)), min_size=1, max_size=20
)


@given(
    offset_ns=st.integers(0, 2 * CLOCK_MODULUS * NS_PER_COUNT),
    drift_ppm=st.integers(-250, 250),
    cycle_ms=st.integers(0, 20),
    readings=readings,
    ahead_ns=st.integers(0, 5 * S),
    length_ns=st.integers(0, 300 * MS),
)
def test_no_count_of_the_window_is_shown_outside_of_it(
    offset_ns: int, drift_ppm: int, cycle_ms: int, readings: list[tuple[int, int, float]], ahead_ns: int, length_ns: int
) -> None:
    def plc_ns(our_ns: int) -> int:
        return offset_ns + our_ns + our_ns * drift_ppm // 1_000_000

    now_ns, clock = 10 * S, None
    for pause_ns, round_trip_ns, share in readings:
        asked_ns = now_ns + pause_ns
        now_ns = asked_ns + round_trip_ns
        count = shown(plc_ns(asked_ns + int(share * round_trip_ns)), cycle_ms)
        if clock is None:
            clock = PlcClock(cycle_ms, count, asked_ns, now_ns)
        else:
            assert clock.read(count, asked_ns, now_ns), "took a steady clock for one that jumped"
    assert clock
    start_ns, end_ns = now_ns + ahead_ns, now_ns + ahead_ns + length_ns
    window = clock.window(start_ns, end_ns)
    if window is None:
        return
    first, last = window
    for away_ns in (1, MS // 2, MS, 3 * MS, 10 * MS, 50 * MS):
        for moment_ns in (start_ns - away_ns, end_ns + away_ns):
            count = shown(plc_ns(moment_ns), cycle_ms)
            assert (count - first) % CLOCK_MODULUS > (last - first) % CLOCK_MODULUS


def test_quick_readings_leave_most_of_the_window() -> None:
    clock = PlcClock(0, 5_000, 1 * S, 1 * S + MS)
    first, last = clock.window(2 * S, 2 * S + 50 * MS) or (0, 0)
    assert 6_000 <= first <= 6_003 and 6_045 <= last <= 6_050


def test_a_window_shorter_than_what_is_uncertain_is_none() -> None:
    clock = PlcClock(0, 5_000, 1 * S, 1 * S + 100 * MS)
    assert clock.window(2 * S, 2 * S + 50 * MS) is None


@given(jump_ms=st.integers(30, 2**31).flatmap(lambda ms: st.sampled_from((ms, -ms))))
def test_a_clock_that_jumps_is_found_out(jump_ms: int) -> None:
    clock = PlcClock(10, 5_000, 1 * S, 1 * S + MS)
    assert clock.read(5_100, 1 * S + 100 * MS, 1 * S + 101 * MS)
    assert not clock.read((5_200 + jump_ms) % CLOCK_MODULUS, 1 * S + 200 * MS, 1 * S + 201 * MS)


def test_a_clock_that_stands_still_is_found_out() -> None:
    clock = PlcClock(10, 5_000, 1 * S, 1 * S + MS)
    assert not clock.read(5_000, 1 * S + 50 * MS, 1 * S + 51 * MS)


def test_the_count_may_wrap() -> None:
    clock = PlcClock(0, CLOCK_MODULUS - 10, 1 * S, 1 * S + MS)
    assert clock.read(40, 1 * S + 50 * MS, 1 * S + 51 * MS)
    first, last = clock.window(1 * S + 100 * MS, 1 * S + 200 * MS) or (0, 0)
    assert 90 <= first <= 93 and 185 <= last <= 190
