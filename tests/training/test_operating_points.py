"""What another false-reject rate would cost, from held-out scores."""

import numpy as np
import pytest

from line_inspector.training.operating_points import operating_points

GOOD = [number / 100 for number in range(99)]  # promises 1 % and more


def test_each_rate_has_the_limit_that_calibration_would_set() -> None:
    found = {point.false_reject_rate: point for point in operating_points(GOOD, [0.5, 0.9, 0.965, 0.99], 0.03)}
    assert list(found) == [0.01, 0.02, 0.03, 0.05, 0.1, 0.2]
    assert [point.level for point in found.values()] == pytest.approx([0.98, 0.97, 0.96, 0.94, 0.89, 0.79])
    assert [point.found for point in found.values()] == [1, 1, 2, 2, 3, 3]


def test_a_rate_that_the_images_cannot_promise_is_not_shown() -> None:
    assert [point.false_reject_rate for point in operating_points(GOOD[:19], [1.0], 0.05)] == [0.05, 0.1, 0.2]


def test_new_parts_keep_every_rate_on_average() -> None:
    scores = np.random.default_rng(0).random((400, 50))
    judged = np.random.default_rng(1).random((400, 50))
    points = [operating_points(list(known), list(new), 0.05) for known, new in zip(scores, judged, strict=True)]
    for column in zip(*points, strict=True):
        assert np.mean([point.found for point in column]) / 50 < column[0].false_reject_rate * 1.15
