"""What a model would find at other false-reject rates: the price of a stricter or a laxer limit, in parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from line_inspector.training.calibrate import rejection_level
from line_inspector.training.promise import images_needed

RATES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class OperatingPoint:
    """A promised false-reject rate, the score above which a part would be rejected, and the defects found there."""

    false_reject_rate: float
    level: float
    found: int


def operating_points(good: Sequence[float], defective: Sequence[float], promised: float) -> list[OperatingPoint]:
    """One for the `promised` rate and each usual one that as many held-out `good` scores can promise, by rising rate.

    Scores are on the stable scale. Each limit is what calibration would have set for that rate.
    """
    rates = sorted({promised, *(rate for rate in RATES if images_needed(rate) <= len(good))})
    levels = {rate: rejection_level(good, rate) for rate in rates}
    scores = np.asarray(defective)
    return [OperatingPoint(rate, level, int((scores > level).sum())) for rate, level in levels.items()]
