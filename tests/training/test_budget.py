import math
from typing import Any

import pytest

from line_inspector.training.budget import Budget


class _Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_steps_are_counted() -> None:
    budget = Budget(steps=10)
    assert [budget.share_used(step) for step in (0, 5, 10)] == [0.0, 0.5, 1.0]


def test_seconds_count_from_the_start_and_keep_the_reserve() -> None:
    clock = _Clock()
    budget = Budget(seconds=60.0, clock=clock)
    clock.now_s += 10.0  # reading images, building the model
    budget.reserve_s = 20.0
    budget.begin_steps()
    assert budget.share_used(0) == 0.0
    clock.now_s += 15.0  # of the 30 that are left
    assert budget.share_used(3) == pytest.approx(0.5)
    assert budget.seconds_left(3) == pytest.approx(15.0)
    clock.now_s += 15.0
    assert budget.share_used(6) == pytest.approx(1.0)
    assert budget.seconds_used() == pytest.approx(40.0)


def test_a_budget_eaten_up_by_the_preparations_is_over_at_once() -> None:
    clock = _Clock()
    budget = Budget(seconds=5.0, clock=clock)
    clock.now_s += 10.0
    budget.begin_steps()
    assert budget.share_used(0) >= 1.0


def test_what_was_used_before_an_interruption_counts() -> None:
    clock = _Clock()
    budget = Budget(seconds=100.0, clock=clock)
    clock.now_s += 5.0  # preparations, again
    budget.reserve_s = 20.0
    budget.resume(seconds_used=50.0, seconds_prepared=10.0)
    assert budget.seconds_used() == pytest.approx(55.0)
    assert budget.share_used(7) == pytest.approx(45.0 / 70.0)
    assert budget.seconds_prepared == pytest.approx(10.0)


def test_epochs_become_steps_when_the_images_are_counted() -> None:
    budget = Budget(epochs=300)
    budget.count_steps(images=209, batch_size=32)
    assert budget.steps == 1960  # 300 x 209 / 32, rounded up
    assert budget.share_used(1568) == 0.8


@pytest.mark.parametrize("given", [{}, {"steps": 1, "seconds": 1.0}, {"steps": 1, "epochs": 1}])
def test_either_steps_or_seconds(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="either"):
        Budget(**given)


@pytest.mark.parametrize(
    "given", [{"steps": 0}, {"epochs": -1}, {"seconds": 0.0}, {"seconds": math.nan}, {"seconds": math.inf}]
)
def test_a_budget_of_nothing_or_without_end_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no budget"):
        Budget(**given)
