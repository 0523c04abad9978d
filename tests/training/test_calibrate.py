import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_inspector.training.calibrate import calibrate


def test_threshold_is_the_conformal_quantile() -> None:
    scores = [i / 100 for i in range(99)]  # 99 images: rank ceil(100 * 0.95) = 95 for 5 %
    calibration = calibrate(scores, 0.05)
    assert scores[94] < calibration.threshold < scores[94] + 1e-6  # a score that equals it is rejected
    assert calibration.enough_images
    assert calibration.guaranteed_false_reject_rate == 0.05


def test_the_promise_holds_on_new_good_parts() -> None:
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(300):
        calibration = calibrate(rng.beta(2, 8, 49).tolist(), 0.1)
        rates.append(float((rng.beta(2, 8, 2000) >= calibration.threshold).mean()))
    assert np.mean(rates) <= 0.1 + 0.01
    assert np.mean(rates) > 0.07  # and it is not bought by rejecting nothing


def test_too_few_images_are_said_so() -> None:
    calibration = calibrate([0.1, 0.3, 0.2], 0.02)
    assert not calibration.enough_images
    assert calibration.largest_score == 0.3 < calibration.threshold < 0.3 + 1e-6
    assert calibration.guaranteed_false_reject_rate == 0.25
    assert calibration.images_needed == 49
    assert "3 held-out good images promise a false-reject rate of 25.00% at best, not 2.00%" in calibration.sentence()


@given(st.integers(1, 400), st.sampled_from([0.5, 0.1, 0.05, 0.02, 0.01, 0.001]))
def test_enough_images_is_what_images_needed_says(count: int, rate: float) -> None:
    calibration = calibrate(np.linspace(0, 1, count).tolist(), rate)
    assert calibration.enough_images == (count >= calibration.images_needed)
    assert calibration.guaranteed_false_reject_rate >= rate


@pytest.mark.parametrize(
    ("scores", "rate"), [([], 0.1), ([0.1, math.nan], 0.1), ([0.1, math.inf], 0.1), ([0.1], 0.0), ([0.1], 1.0)]
)
def test_what_cannot_be_calibrated_is_refused(scores: list[float], rate: float) -> None:
    with pytest.raises(ValueError, match="score|rate"):
        calibrate(scores, rate)
