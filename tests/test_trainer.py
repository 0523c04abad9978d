"""stations/trainer.py: when the night comes, also by a clock that jumps."""

from datetime import datetime, timedelta

import pytest

from stations.trainer import Night

NOON = datetime(2026, 3, 4, 12, 0)
DAY = timedelta(days=1)


def test_it_comes_once_a_day() -> None:
    night = Night("02:30", NOON)
    looks = [NOON + timedelta(minutes=n) for n in range(3 * 24 * 60)]
    assert [now for now in looks if night.comes(now)] == [datetime(2026, 3, day, 2, 30) for day in (5, 6, 7)]


@pytest.mark.parametrize("jump", [timedelta(hours=20), 3650 * DAY, -timedelta(hours=20), -3650 * DAY], ids=str)
def test_a_clock_that_jumps_and_is_set_right_starts_nothing_and_keeps_the_next_night(jump: timedelta) -> None:
    night = Night("02:30", NOON)
    for now in (NOON + jump, NOON + jump + timedelta(seconds=5), NOON + timedelta(seconds=5)):
        assert not night.comes(now)
    assert not night.comes(datetime(2026, 3, 5, 2, 29, 59))
    assert night.comes(datetime(2026, 3, 5, 2, 30))


def test_a_clock_that_was_set_back_by_a_year_trains_the_night_after() -> None:
    night = Night("02:30", NOON)
    now = NOON - 365 * DAY
    assert not night.comes(now)
    assert night.comes(now.replace(hour=2, minute=30) + DAY)
