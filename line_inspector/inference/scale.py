"""The stable scale of scores: what the network says, brought to a scale on which numbers keep their meaning.

A network's own scores mean something else after every training. On the stable scale 0 stays 0 and 1 stays 1, LIMIT is
the score from which on the promised share of good parts is rejected at most, and TYPICAL is what a good part scores. So
0.3 is halfway to the limit tonight as it was yesterday, and an operator's number survives a retraining.
"""

import math

import msgspec
import numpy as np
import torch
from torch import Tensor

LIMIT = 0.5
TYPICAL = 0.1
JUST_BELOW_LIMIT = float(np.nextafter(np.float32(LIMIT), np.float32(0)))

# Logits, ln(p / (1 - p)). The last float32 below 1 has 16.6355; beyond that there is only 1 itself, with no logit.
LAST_LOGIT = 16.64
TYPICAL_LOGIT = math.log(TYPICAL / (1 - TYPICAL))
LEAST_GAP = 0.25  # between typical and limit: below, the last digits of a score would move it across the scale
WIDEST_GAP = 12.0  # beyond, all that is not quite nothing would look half as bad as the limit
BITS_OF_1 = int(np.float32(1).view(np.int32))


class ScoreScale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A continuous, strictly increasing function of the network's score, 0..1 to 0..1, as two anchors of it.

    `limit` becomes LIMIT, `typical` becomes TYPICAL; between the two, and from the limit to 1, logit is proportional to
    logit; below, they differ by a constant, so that scores close to 0 or 1 stay apart as far as float32 keeps them
    apart. An anchor `typical` nearer to the limit than LEAST_GAP, or further than WIDEST_GAP, in logits, counts as that
    far from it. The defaults leave every score as it is. Raises ValueError for a limit that no score reaches, or all.
    """

    limit: float = LIMIT
    typical: float = TYPICAL

    def __post_init__(self) -> None:
        if not 0.0 < self.limit <= 1.0 or not 0.0 <= self.typical <= 1.0:
            raise ValueError(f"the scale's limit must lie in 0..1, above 0, and typical in 0..1, got {self}")

    def apply(self, scores: Tensor) -> Tensor:
        """The network's scores or maps, any shape -> float32 on the stable scale. NaN stays NaN.

        However the arithmetic rounds, a result reaches LIMIT if and only if the score reaches `limit`.
        """
        p = scores.double().clamp(0.0, 1.0)
        x = torch.log(p) - torch.log1p(-p)
        at_limit, gap = self._anchors()
        below = x - (at_limit - gap) + TYPICAL_LOGIT
        between = (x - at_limit) * (-TYPICAL_LOGIT / gap)
        above = (x - at_limit) * (LAST_LOGIT / max(LAST_LOGIT - at_limit, 0.01))
        logit = torch.where(x < at_limit - gap, below, torch.where(x < at_limit, between, above))
        mapped = torch.sigmoid(logit).float()
        return torch.where(p >= self.limit, mapped.clamp(min=LIMIT), mapped.clamp(max=JUST_BELOW_LIMIT))

    def of(self, score: float) -> float:
        """One score of the network on the stable scale."""
        return float(self.apply(torch.tensor(score)))

    def least_reaching(self, score: float) -> float:
        """The least of the network's own scores, as float32, that reaches `score` (0..1) on the stable scale."""
        below, reaches = 0, BITS_OF_1  # float32 from 0 on have the order of their bit patterns
        while below < reaches:
            middle = (below + reaches) // 2
            if self.of(float(np.int32(middle).view(np.float32))) >= score:
                reaches = middle
            else:
                below = middle + 1
        return float(np.int32(reaches).view(np.float32))

    def _anchors(self) -> tuple[float, float]:
        """The limit's logit, and how far below it the typical score counts as lying."""
        at_limit = _logit(self.limit)
        return at_limit, min(max(at_limit - _logit(self.typical), LEAST_GAP), WIDEST_GAP)


def _logit(p: float) -> float:
    if p <= 0.0:
        return -math.inf
    return LAST_LOGIT if p >= 1.0 else min(math.log(p) - math.log1p(-p), LAST_LOGIT)


AS_IT_IS = ScoreScale()
