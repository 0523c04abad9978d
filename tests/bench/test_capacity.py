"""The sentence for people says what was measured, and no more."""

import pytest

from line_inspector.bench.capacity import capacity
from line_inspector.bench.line_table import CameraRow


def row(cameras: int, highest_rate_hz: float | None) -> CameraRow:
    return CameraRow(cameras, highest_rate_hz, False, None, {})


@pytest.mark.parametrize(
    ("highest", "rate_hz", "cameras"),
    [
        ({1: 20.0, 2: 18.0, 4: 17.0}, 4.0, 4),
        ({1: 20.0, 2: 18.0, 4: 17.0}, 5.0, 3),
        ({1: 20.0, 2: 18.0, 4: None}, 4.0, 2),  # four were tried, and parts were late: two is what is known
        ({1: 20.0}, 4.0, 1),
        ({1: 3.0}, 4.0, 0),
        ({1: None}, 4.0, 0),
    ],
)
def test_it_promises_the_cameras_that_were_served(
    highest: dict[int, float | None], rate_hz: float, cameras: int
) -> None:
    told = capacity([row(count, rate) for count, rate in highest.items()], rate_hz, "cap")
    assert told.cameras == cameras
    assert told.total_hz == max(rate or 0.0 for rate in highest.values())
    if cameras:
        assert f" {cameras} camera" in told.sentence
        assert f"{rate_hz:g} parts/s of recipe cap" in told.sentence


def test_it_says_so_when_more_cameras_might_be_served_than_were_tried() -> None:
    assert "at least 1 camera at 4" in capacity([row(1, 20.0)], 4.0, "cap").sentence
    assert "at least" not in capacity([row(1, 5.0)], 4.0, "cap").sentence


def test_a_machine_that_serves_none_is_told_so() -> None:
    assert "does not serve a camera at 4 parts/s" in capacity([row(1, 3.0)], 4.0, "cap").sentence
    assert "served no camera" in capacity([row(1, None), row(2, None)], 4.0, "cap").sentence
