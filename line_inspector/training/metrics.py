"""The four measures of anomaly detection, exact (no binned thresholds), from scores, maps and masks.

Pixel measures come from two sorted arrays, the scores of defective and of normal pixels: every threshold at which
recall changes is the score of a defective pixel, and there are few of those. So 400 maps of 256 x 256 need one sort of
26 million floats, and no curve over all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import auc, roc_auc_score

AUPRO_MAX_FALSE_POSITIVE_RATE = 0.3

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PixelMetrics:
    """All in 0..1, higher is better.

    `pixel_auroc`: area under the ROC curve over pixels. `pixel_ap`: average precision over pixels. `aupro`: area
    under the per-region overlap curve up to a false-positive rate of 0.3, divided by 0.3.
    """

    pixel_auroc: float
    pixel_ap: float
    aupro: float


def image_auroc(defective: ArrayLike, scores: ArrayLike) -> float:
    """Probability that a defective image scores above a good one, ties counting half. Both kinds must be present."""
    return float(roc_auc_score(np.asarray(defective, dtype=bool), np.asarray(scores, dtype=np.float64)))


def pixel_metrics(maps: Sequence[Floats], masks: Sequence[NDArray[np.bool_]]) -> PixelMetrics | None:
    """Measure maps (H, W) against masks (H, W), True where defective; None without a defective or a normal pixel.

    Regions are the 8-connected components of each mask, and each counts the same in AUPRO, whatever its size.
    """
    positives = [m[mask] for m, mask in zip(maps, masks, strict=True)]
    shares = [_region_shares(mask)[mask] for mask in masks]
    negatives = np.concatenate([m[~mask] for m, mask in zip(maps, masks, strict=True)] or [np.empty(0, np.float32)])
    scores = np.concatenate(positives or [np.empty(0, np.float32)])
    if not len(scores) or not len(negatives):
        return None
    negatives.sort()
    thresholds, which = np.unique(scores, return_inverse=True)
    curve = _Curve(
        true_positives=_cumulated_from_above(np.bincount(which)),
        overlap=_cumulated_from_above(np.bincount(which, weights=np.concatenate(shares))),
        above=(len(negatives) - np.searchsorted(negatives, thresholds, side="right"))[::-1],
        at_or_above=(len(negatives) - np.searchsorted(negatives, thresholds, side="left"))[::-1],
        negatives=len(negatives),
    )
    return PixelMetrics(_auroc(curve), _average_precision(curve), _aupro(curve))


@dataclass(frozen=True)
class _Curve:
    """Counts at each distinct score of a defective pixel, highest first, shape (T,).

    `true_positives`: defective pixels at or above it. `overlap`: the same, each region weighing 1. `above` and
    `at_or_above`: normal pixels above it, and at or above it.
    """

    true_positives: NDArray[np.float64]
    overlap: NDArray[np.float64]
    above: NDArray[np.int64]
    at_or_above: NDArray[np.int64]
    negatives: int


def _region_shares(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """At each pixel of a region, 1 / the region's area; 0 elsewhere."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    share = 1.0 / stats[:, cv2.CC_STAT_AREA].clip(min=1)
    share[0] = 0.0
    return np.asarray(share[labels], dtype=np.float64)


def _cumulated_from_above(per_threshold: NDArray[np.number]) -> NDArray[np.float64]:
    return np.cumsum(per_threshold[::-1], dtype=np.float64)


def _auroc(curve: _Curve) -> float:
    x, y = _steps(curve, curve.true_positives)
    return float(auc(x, y))


def _average_precision(curve: _Curve) -> float:
    precision = curve.true_positives / (curve.true_positives + curve.at_or_above)
    recall = curve.true_positives / curve.true_positives[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def _aupro(curve: _Curve) -> float:
    x, y = _steps(curve, curve.overlap)
    limit = AUPRO_MAX_FALSE_POSITIVE_RATE
    end = int(np.searchsorted(x, limit, side="right"))
    x = np.append(x[:end], limit)
    y = np.append(y[:end], np.interp(limit, *_steps(curve, curve.overlap)))
    return float(auc(x, y) / limit)


def _steps(curve: _Curve, gained: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False-positive rate and the share of `gained`, both 0..1 and rising, (2T + 2,).

    Between two scores of defective pixels only normal ones are gained: the curve runs flat. At such a score, normal
    pixels of the same score come with it: it rises in a straight line.
    """
    share = gained / gained[-1]
    x = np.stack([curve.above, curve.at_or_above], axis=1).ravel() / curve.negatives
    y = np.stack([np.concatenate([[0.0], share[:-1]]), share], axis=1).ravel()
    return np.concatenate([[0.0], x, [1.0]]), np.concatenate([[0.0], y, [1.0]])
