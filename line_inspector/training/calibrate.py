"""The limits from held-out good images: split-conformal for rejecting, conformal risk control for outlining."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.inference.scale import LIMIT, ScoreScale
from line_inspector.training.promise import Promise, default_outlined_share, images_needed

Heats = NDArray[np.float32]

# How far a picture's score may move when it is scored again, in a batch of another size or on another machine, in fp32:
# in logits, as rounding acts on them; close to 1, where float32 is coarser than that, in steps of it.
ROUNDING_LOGITS = 1e-4
ROUNDING_STEPS = 4


@dataclass(frozen=True)
class Calibration:
    """What is promised, and what stands behind it; written into the manifest. Scores are on the stable scale.

    A part is rejected when its score reaches `threshold`. A good part, exchangeable with the `images` held-out ones, is
    then rejected with a probability of at most `false_reject_rate`, over draws of the held-out set. A place of it is
    outlined when the map reaches `pixel_threshold`: on average at most `outlined_share` of its area. Both hold as well
    for good parts like the `handed_on` ones, of which there are none in a first training. `largest_score` is the worst
    good part's.
    """

    threshold: float
    pixel_threshold: float
    false_reject_rate: float
    outlined_share: float
    images: int
    handed_on: int
    largest_score: float

    def as_record(self) -> dict[str, float | int]:
        """Field names and values, for JSON."""
        return asdict(self)

    def sentence(self) -> str:
        """What was promised, in plain English."""
        shown = f"{self.images} held-out good images"
        if self.handed_on:
            shown += f" and {self.handed_on} handed on from the first model"
        return (
            f"a part is rejected when it scores {self.threshold:g} or more: at most {self.false_reject_rate:.2%} "
            f"of good parts, and on average at most {self.outlined_share:.2%} of a good part's area is outlined "
            f"(promised by {shown})"
        )


def calibrate(held_out: Heats, handed_on: Heats, promise: Promise) -> tuple[ScoreScale, Calibration]:
    """Keep the promise for good parts like the held-out ones, and for ones like those handed on, each by itself.

    Coarse maps (heat.py) by the network's own scores, float32 (N, cells), of good images that the model was neither
    trained nor chosen on; `handed_on` may be empty. The higher limit counts. Logged parts have passed an earlier model,
    so by themselves they would let each night's limit reject a little more than the one before; the handed-on frames,
    which nobody has sifted, forbid that. Their median scores TYPICAL, so that it is the same parts' every night.
    Limits lie above the levels by what rounding may add when the line scores such a part, see `clear_of`.
    Raises InputError where good parts reach the highest score there is, ValueError for too few images.
    """
    sets = [heats for heats in (held_out, handed_on) if len(heats)]
    share = promise.outlined_share or default_outlined_share(min(map(len, sets)))
    highest = max(rejection_level(heats.max(axis=1), promise.false_reject_rate) for heats in sets)
    if highest >= 1.0:
        what = "good parts reach the highest score there is, so that no limit keeps them from being rejected"
        raise InputError(what, "calibration", "Train longer, or with a lower --learning-rate.")
    scale = ScoreScale(clear_of(highest), float(np.median(sets[-1].max(axis=1))))
    outlined = max(outline_level(heats, share) for heats in sets)
    return scale, Calibration(
        threshold=LIMIT,
        pixel_threshold=min(1.0, _next_above(scale.of(clear_of(outlined)))),
        false_reject_rate=promise.false_reject_rate,
        outlined_share=share,
        images=len(held_out),
        handed_on=len(handed_on),
        largest_score=scale.of(max(float(heats.max()) for heats in sets)),
    )


def rejection_level(scores: Sequence[float] | NDArray[np.float32], rate: float) -> float:
    """The lowest held-out score that keeps the promise when parts above it are rejected.

    It is the ceil((n + 1)(1 - rate))-th of n. Split-conformal prediction: Vovk, Gammerman, Shafer, "Algorithmic
    Learning in a Random World", 2005; Lei et al., JASA 2018.
    Raises ValueError for too few scores, and for scores that are no numbers.
    """
    _require(len(scores), rate, np.asarray(scores))
    rank = math.ceil((len(scores) + 1) * (1.0 - rate) - 1e-9)
    return float(np.sort(scores)[rank - 1])


def outline_level(heats: Heats, share: float) -> float:
    """The lowest level that keeps the promise when cells above it are outlined, of coarse maps (N, cells).

    The mean share of the N images' cells above it, taken for N + 1 of which the last is outlined as a whole, is at most
    `share`. Angelopoulos et al., "Conformal Risk Control", 2022, with a loss of at most 1. A pixel above the level lies
    in a cell above it, so that what is promised of cells holds for pixels as well.
    Raises ValueError for too few images, and for maps that are no numbers.
    """
    count, cells = heats.shape
    _require(count, share, heats)
    cells_outlined = math.floor(cells * (share * (count + 1) - 1.0) + 1e-6)
    ordered = np.sort(heats, axis=None)
    return float(ordered[len(ordered) - 1 - cells_outlined])


def clear_of(level: float) -> float:
    """A limit, float32, that a part at this level, 0..1, does not reach when it is scored once more; 1 at most.

    It is ROUNDING_LOGITS or ROUNDING_STEPS above the level, whichever is more, and one step beyond. One distance for
    all levels would move limits close to 0 or 1 past defects.
    """
    rounding = max(ROUNDING_LOGITS * level * (1.0 - level), ROUNDING_STEPS * float(np.spacing(np.float32(level))))
    return min(1.0, _next_above(level + rounding))


def _require(images: int, share: float, values: NDArray[np.float32]) -> None:
    if not 0.0 < share < 1.0:
        raise ValueError(f"a share of good parts must lie between 0 and 1, got {share}")
    if images < images_needed(share):
        raise ValueError(f"{images} images cannot promise {share:.2%}, that takes {images_needed(share)}")
    if not np.isfinite(values).all():
        raise ValueError("a score is no number")


def _next_above(value: float) -> float:
    """The next float32: what reaches it lies above the value."""
    return float(np.nextafter(np.float32(value), np.float32(2)))
