"""The threshold from held-out good images: a split-conformal quantile for a stated false-reject rate."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Calibration:
    """A threshold and what stands behind it; written into the manifest.

    A part is rejected when its score reaches `threshold`, which lies just above a held-out score. For good parts like
    the `images` held-out ones, the long-run rate of false rejects is then at most `guaranteed_false_reject_rate`, on
    average over draws of the held-out set. That is the rate asked for, if there were enough images; otherwise
    1 / (images + 1), the best that so few can promise, and `enough_images` is False. `largest_score` is the worst
    held-out good image's.
    """

    threshold: float
    false_reject_rate: float
    guaranteed_false_reject_rate: float
    images: int
    images_needed: int
    enough_images: bool
    largest_score: float

    def as_record(self) -> dict[str, float | int | bool]:
        """Field names and values, for JSON."""
        return asdict(self)

    def sentence(self) -> str:
        """What was promised, in plain English."""
        if self.enough_images:
            return f"threshold {self.threshold:.4f}: at most {self.false_reject_rate:.2%} of good parts rejected " + (
                f"(from {self.images} held-out good images)"
            )
        return (
            f"threshold {self.threshold:.4f}: {self.images} held-out good images promise a false-reject rate of "
            f"{self.guaranteed_false_reject_rate:.2%} at best, not {self.false_reject_rate:.2%}; "
            f"that takes {self.images_needed}"
        )


def calibrate(scores: Sequence[float], false_reject_rate: float) -> Calibration:
    """Just above the smallest held-out score that keeps the promise: the ceil((n + 1)(1 - rate))-th, or the largest.

    `scores` are image scores of good images that the model was neither trained nor chosen on. Vovk, Gammerman,
    Shafer, "Algorithmic Learning in a Random World", 2005; Lei et al., JASA 2018 (split-conformal).
    Raises ValueError for no scores, scores that are no numbers, or a rate outside 0..1.
    """
    if not scores or not all(math.isfinite(score) for score in scores):
        raise ValueError("calibration needs at least one score, all finite")
    if not 0.0 < false_reject_rate < 1.0:
        raise ValueError(f"the false-reject rate must lie between 0 and 1, got {false_reject_rate}")
    count = len(scores)
    rank = math.ceil((count + 1) * (1.0 - false_reject_rate) - 1e-9)
    enough = rank <= count
    ordered = sorted(scores)
    return Calibration(
        threshold=min(1.0, float(np.nextafter(np.float32(ordered[min(rank, count) - 1]), np.float32(2)))),
        false_reject_rate=false_reject_rate,
        guaranteed_false_reject_rate=false_reject_rate if enough else 1.0 / (count + 1),
        images=count,
        images_needed=math.ceil(1.0 / false_reject_rate - 1e-9) - 1,
        enough_images=enough,
        largest_score=ordered[-1],
    )
