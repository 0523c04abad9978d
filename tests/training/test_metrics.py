"""The metrics: known answers, agreement with scikit-learn and with a plain reading of AUPRO's definition."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from line_inspector.training.metrics import image_auroc, pixel_metrics

Maps = list[np.ndarray]


@st.composite
def maps_and_masks(draw: st.DrawFn) -> tuple[Maps, Maps]:
    """A few small images; coarse scores, so that ties are common."""
    seed, count, levels = draw(st.integers(0, 10**6)), draw(st.integers(1, 4)), draw(st.integers(2, 40))
    rng = np.random.default_rng(seed)
    masks = [rng.random((9, 11)) < 0.25 for _ in range(count)]
    maps = [(rng.integers(0, levels, (9, 11)) / levels + 0.2 * mask).astype(np.float32) for mask in masks]
    masks[0][0, :2] = True, False
    return maps, masks


def aupro_by_definition(maps: Maps, masks: Maps, limit: float = 0.3) -> float:
    """Every threshold in turn: the mean share of each region that is found, against the false-positive rate."""
    points = [(0.0, 0.0)]
    normal = np.concatenate([m[~mask] for m, mask in zip(maps, masks, strict=True)])
    regions = []
    for m, mask in zip(maps, masks, strict=True):
        count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
        regions += [m[labels == label] for label in range(1, count)]
    for threshold in sorted(set(np.concatenate([m.ravel() for m in maps]).tolist()), reverse=True):
        points.append((np.mean(normal >= threshold), np.mean([np.mean(r >= threshold) for r in regions])))
    x, y = map(np.array, zip(*points, strict=True))
    area = 0.0
    for x0, x1, y0, y1 in zip(x, x[1:], y, y[1:], strict=False):
        if x0 < limit and x1 > x0:
            end = min(x1, limit)
            y_end = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
            area += (end - x0) * (y0 + y_end) / 2
    return area / limit


@settings(deadline=None, max_examples=60)
@given(maps_and_masks())
def test_pixel_measures_are_those_of_scikit_learn_and_of_the_definition(sample: tuple[Maps, Maps]) -> None:
    maps, masks = sample
    result = pixel_metrics(maps, masks)
    truth, scores = np.stack(masks).ravel(), np.stack(maps).ravel()
    assert result.pixel_auroc == pytest.approx(roc_auc_score(truth, scores), abs=1e-9)
    assert result.pixel_ap == pytest.approx(average_precision_score(truth, scores), abs=1e-9)
    assert result.aupro == pytest.approx(aupro_by_definition(maps, masks), abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(maps_and_masks(), st.floats(0.1, 9.0), st.floats(-3.0, 3.0))
def test_only_the_order_of_scores_counts(sample: tuple[Maps, Maps], scale: float, shift: float) -> None:
    maps, masks = sample
    moved = [(m.astype(np.float64) * scale + shift).astype(np.float32) for m in maps]
    if len(np.unique(np.stack(moved))) != len(np.unique(np.stack(maps))):
        return  # float32 has merged two levels
    before, after = pixel_metrics(maps, masks), pixel_metrics(moved, masks)
    assert after.pixel_auroc == pytest.approx(before.pixel_auroc, abs=1e-12)
    assert after.pixel_ap == pytest.approx(before.pixel_ap, abs=1e-12)
    assert after.aupro == pytest.approx(before.aupro, abs=1e-12)


def test_a_perfect_map_has_one_everywhere() -> None:
    mask = np.zeros((20, 20), bool)
    mask[2:5, 2:5] = mask[10:18, 10:12] = True
    result = pixel_metrics([mask.astype(np.float32)], [mask])
    assert (result.pixel_auroc, result.pixel_ap, result.aupro) == (1.0, 1.0, 1.0)


def test_an_inverted_map_finds_nothing() -> None:
    mask = np.zeros((20, 20), bool)
    mask[:10] = True
    result = pixel_metrics([1.0 - mask.astype(np.float32)], [mask])
    assert result.pixel_auroc == 0.0
    assert result.aupro == 0.0


def test_a_constant_map_is_a_coin_toss() -> None:
    mask = np.zeros((10, 10), bool)
    mask[:2] = True
    result = pixel_metrics([np.full((10, 10), 0.3, np.float32)], [mask])
    assert result.pixel_auroc == pytest.approx(0.5)
    assert result.pixel_ap == pytest.approx(0.2)  # the share of defective pixels
    assert result.aupro == pytest.approx(0.15)  # a diagonal up to 0.3: 0.3 * 0.3 / 2 / 0.3


def test_aupro_weighs_a_small_region_as_a_large_one() -> None:
    mask = np.zeros((40, 40), bool)
    mask[0:30, 0:30] = True
    mask[35:37, 35:37] = True
    found_large, found_small = np.zeros((40, 40), np.float32), np.zeros((40, 40), np.float32)
    found_large[0:30, 0:30] = 1.0
    found_small[35:37, 35:37] = 1.0
    large, small = pixel_metrics([found_large], [mask]), pixel_metrics([found_small], [mask])
    assert large.aupro == pytest.approx(small.aupro)
    assert large.pixel_ap > 0.9 > 0.8 > small.pixel_ap


def test_regions_that_touch_at_a_corner_are_one() -> None:
    mask = np.zeros((6, 6), bool)
    mask[1, 1] = mask[2, 2] = mask[4, 4] = mask[4, 5] = True
    found = np.zeros((6, 6), np.float32)
    found[1, 1] = found[2, 2] = 1.0
    # one of two regions found without a false positive, the rest of the curve is the tie at 0
    assert pixel_metrics([found], [mask]).aupro == pytest.approx(0.5 + 0.5 * 0.3 / 2)


def test_without_a_defective_or_a_normal_pixel_there_is_no_measure() -> None:
    nothing, everything = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    noise = np.random.default_rng(0).random((4, 4)).astype(np.float32)
    assert pixel_metrics([noise], [nothing]) is None
    assert pixel_metrics([noise], [everything]) is None
    assert pixel_metrics([], []) is None


def test_image_auroc_counts_ties_half() -> None:
    assert image_auroc([False, True], [0.1, 0.2]) == 1.0
    assert image_auroc([False, True], [0.2, 0.2]) == 0.5
    assert image_auroc([False, False, True, True], [0.1, 0.4, 0.35, 0.8]) == 0.75
