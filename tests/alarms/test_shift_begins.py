"""When a shift begins, by a clock that people set."""

from datetime import datetime, timedelta

from line_inspector.alarms.challenge_desk import ShiftBegins


def test_a_shift_begins_once_however_often_one_looks() -> None:
    shifts, at = ShiftBegins(["06:00", "14:00"]), datetime(2026, 3, 2, 5, 58)
    begun = [at + timedelta(seconds=s) for s in range(0, 30_000) if shifts.begun(at + timedelta(seconds=s))]
    assert begun == [datetime(2026, 3, 2, 6, 0), datetime(2026, 3, 2, 14, 0)]


def test_a_start_within_the_minute_is_no_begin_of_a_shift() -> None:
    assert not ShiftBegins(["06:00"]).begun(datetime(2026, 3, 2, 6, 0, 5)), "decision's own start is challenged anyway"
