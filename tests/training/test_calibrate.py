"""The promises hold on new good parts, whatever their scores are like; what cannot be promised is not."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import nhypergeom

from line_inspector.cameras.renderer import render
from line_inspector.errors import InputError
from line_inspector.inference.preprocess import to_model_input
from line_inspector.inference.scale import LIMIT, TYPICAL
from line_inspector.inference.tiling import Tiling
from line_inspector.inference.view import WHOLE
from line_inspector.training.calibrate import Calibration, calibrate, clear_of, outline_level, rejection_level
from line_inspector.training.promise import Promise, images_needed
from line_inspector.training.selection import image_heats

SPLITS = 200
NONE = np.empty((0, 4), np.float32)


def as_heats(scores: np.ndarray) -> np.ndarray:
    """Coarse maps of four cells, the last of which is the hottest."""
    return np.asarray(scores[:, None] * np.array([0.1, 0.2, 0.5, 1.0]), dtype=np.float32)


def promise(rate: float = 0.1, share: float | None = None) -> Promise:
    return Promise(rate, share, images_needed(rate))


def test_the_limit_is_the_conformal_quantile() -> None:
    scores = np.arange(99, dtype=np.float32) / 100  # rank ceil(100 * 0.95) = 95 for 5 %
    assert rejection_level(scores, 0.05) == scores[94]
    scale, calibration = calibrate(as_heats(scores), NONE, promise(0.05))
    assert scores[94] < scale.limit < scores[94] + 1e-4  # a score that equals it is rejected
    assert scale.of(scores[94]) < LIMIT <= scale.of(scores[95])
    assert (calibration.threshold, calibration.false_reject_rate, calibration.images) == (LIMIT, 0.05, 99)


def test_half_of_the_held_out_parts_score_typical_or_less_and_the_worst_is_on_record() -> None:
    scores = np.linspace(0.01, 0.4, 49)
    scale, calibration = calibrate(as_heats(scores), NONE, promise())
    assert scale.of(float(np.median(scores))) == pytest.approx(TYPICAL, abs=1e-5)
    assert calibration.largest_score == scale.of(0.4) > LIMIT


parts = st.integers(3, 12).flatmap(
    lambda count: arrays(np.float32, (count, 6), elements=st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.75, 1.0]))
)


@given(parts, st.floats(0.05, 0.5))
def test_each_part_in_turn_as_the_new_one_is_rejected_no_more_often_than_promised(all_parts, rate: float) -> None:
    """Of exchangeable parts any may be the new one, so the promise is a mean over them: exact, without chance."""
    if len(all_parts) - 1 < images_needed(rate):
        with pytest.raises(ValueError, match="cannot promise"):
            rejection_level(all_parts[1:].max(axis=1), rate)
        return
    scores = all_parts.max(axis=1)
    rejected = [scores[i] > rejection_level(np.delete(scores, i), rate) for i in range(len(scores))]
    assert np.mean(rejected) <= rate + 1e-9


@given(parts, st.floats(0.05, 0.5))
def test_each_part_in_turn_as_the_new_one_is_outlined_no_more_than_promised(all_parts, share: float) -> None:
    if len(all_parts) - 1 < images_needed(share):
        with pytest.raises(ValueError, match="cannot promise"):
            outline_level(all_parts[1:], share)
        return
    outlined = [
        np.mean(part > outline_level(np.delete(all_parts, i, axis=0), share)) for i, part in enumerate(all_parts)
    ]
    assert np.mean(outlined) <= share + 1e-6


def most_rejected(calibrating: int, tried: int, rate: float) -> float:
    """The mean false-reject rate of SPLITS splits that only one in a million repetitions would exceed.

    Without ties, the number of tried parts above the calibrating ones' level is negative hypergeometric, whatever the
    scores are like, and with ties it is smaller. The splits are independent, so their sum's law is a power of that.
    """
    above = calibrating - int(np.ceil((calibrating + 1) * (1 - rate) - 1e-9)) + 1
    law = nhypergeom(calibrating + tried, tried, above).pmf(np.arange(tried + 1))
    assert law.sum() == pytest.approx(1)
    size = SPLITS * tried + 1
    total = np.fft.irfft(np.fft.rfft(law, 2 * size) ** SPLITS, 2 * size)[:size]
    return float(np.searchsorted(np.cumsum(total), 1 - 1e-6)) / (SPLITS * tried)


def heats_of_a_model(build_tiny_model) -> np.ndarray:
    discs = np.stack([to_model_input(render(seed, "", 64, 64)[0], 64).transpose(1, 2, 0) for seed in range(120)])
    return image_heats(build_tiny_model(), discs, Tiling(WHOLE, 64))


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("kind", ["a model on rendered discs", "continuous", "tied", "close to 1"])
@pytest.mark.parametrize(("calibrating", "rate"), [(49, 0.02), (60, 0.05), (60, 0.1)])
def test_over_200_random_splits_the_promises_hold(kind, calibrating, rate, rng, build_tiny_model) -> None:
    heats = {
        "a model on rendered discs": lambda: heats_of_a_model(build_tiny_model),
        "continuous": lambda: as_heats(rng.beta(2, 8, 120)),
        "tied": lambda: as_heats(rng.integers(1, 8, 120) / 10),
        "close to 1": lambda: as_heats(1 - 1e-7 - rng.beta(2, 8, 120) * 1e-6),
    }[kind]()
    rejected, outlined = [], []
    for _ in range(SPLITS):
        order = rng.permutation(len(heats))
        known, new = heats[order[:calibrating]], heats[order[calibrating:]]
        scale, calibration = calibrate(known, NONE, promise(rate))
        mapped = scale.apply(torch.from_numpy(new))
        rejected.append(float((mapped.amax(1) >= calibration.threshold).float().mean()))
        outlined.append(float((mapped >= calibration.pixel_threshold).float().mean()))
    assert np.mean(rejected) <= most_rejected(calibrating, len(heats) - calibrating, rate)
    assert kind in ("tied", "close to 1") or np.mean(rejected) > 0.5 * rate  # it is not bought by rejecting nothing
    assert np.mean(outlined) - 4 * np.std(outlined) / np.sqrt(SPLITS) <= calibration.outlined_share


@given(
    arrays(np.float32, 49, elements=st.floats(2.0**-40, 1 - 2.0**-20, width=32)),
    arrays(np.float64, 49, elements=st.floats(-1, 1)),
)
def test_parts_that_score_otherwise_by_rounding_are_not_rejected_for_it(scores, noise) -> None:
    """Half of what limits allow for: as much as batches of other sizes make of fp32 (docs/model.md)."""
    scale, calibration = calibrate(as_heats(scores), NONE, promise(0.1))
    again = scores + noise * np.maximum(5e-5 * scores * (1.0 - scores), 3 * np.spacing(scores))
    mapped = scale.apply(torch.from_numpy(np.float32(again)))
    assert int((mapped >= calibration.threshold).sum()) <= 4, "of 49, 0.1 of 50 less the new one"
    outlined = scale.apply(torch.from_numpy(as_heats(np.float32(again)))) >= calibration.pixel_threshold
    assert outlined.float().mean() <= calibration.outlined_share


def test_a_picture_scored_alone_stays_below_a_limit_that_was_set_in_a_batch(build_tiny_model) -> None:
    """With a model made sharp, so that its maps span 0 to 1."""
    model = build_tiny_model()
    with torch.no_grad():
        for parameter in list(model.segmentation.parameters())[-2:]:
            parameter *= 60
    discs = np.stack([to_model_input(render(seed, "", 64, 64)[0], 64).transpose(1, 2, 0) for seed in range(4)])
    tiling = Tiling(WHOLE, 64)
    together = image_heats(model, discs, tiling).ravel()
    alone = np.concatenate([image_heats(model, disc[None], tiling) for disc in discs]).ravel()
    higher = np.flatnonzero((alone > together) & (alone < 1))
    assert all(alone[i] < clear_of(float(together[i])) for i in higher)


def test_frames_handed_on_raise_the_limit_and_are_the_typical_ones() -> None:
    logged, first = as_heats(np.linspace(0.01, 0.1, 49)), as_heats(np.linspace(0.01, 0.3, 49))
    scale, calibration = calibrate(logged, first, promise())
    alone, _ = calibrate(logged, NONE, promise())
    assert scale.limit == calibrate(first, NONE, promise())[0].limit > alone.limit
    assert scale.typical == pytest.approx(0.155)
    assert (calibration.images, calibration.handed_on) == (49, 49)
    assert "49 held-out good images and 49 handed on" in calibration.sentence()
    lower, _ = calibrate(first, logged, promise())
    assert lower.limit == scale.limit


def test_good_parts_at_the_highest_score_are_refused() -> None:
    with pytest.raises(InputError, match="highest score"):
        calibrate(as_heats(np.ones(49)), NONE, promise())


def test_the_sentence_says_what_is_promised_and_by_how_many() -> None:
    sentence = Calibration(0.5, 0.3, 0.02, 0.0345, 57, 0, 0.6).sentence()
    assert sentence == (
        "a part is rejected when it scores 0.5 or more: at most 2.00% of good parts, and on average at most 3.45% of a "
        "good part's area is outlined (promised by 57 held-out good images)"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_not_calibrated(value: float) -> None:
    heats = as_heats(np.linspace(0, 0.5, 30))
    heats[3, 3] = value
    with pytest.raises(ValueError, match="no number"):
        calibrate(heats, NONE, promise())
