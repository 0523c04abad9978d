"""What came of a training, gathered for its report: the numbers, the pictures, and what an engineer has to be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from line_inspector.model.adps import ADPS
from line_inspector.training.calibrate import Calibration
from line_inspector.training.fit import Fitted
from line_inspector.training.promotion import Margins
from line_inspector.training.samples import Batch
from line_inspector.training.selection import anomaly_maps
from line_inspector.training.splits import Split

FEW_IMAGES = 40
FEW_EPOCHS = 3.0
FEW_CHOICE_IMAGES = 8
MANY_MISSED = 0.1
WORSE_AT_THE_END = 0.05


@dataclass(frozen=True)
class Outcome:
    """`good_scores` are those of held-out good parts; `maps` (N, S, S) the finished model's on the `choice_set`; both
    on the stable scale. `remark`: what a person should know of the promise.

    `samples`: what was learned from, forged as in training. `lineage` as in the manifest. `images_learned_from` counts
    the tiles of all pictures that were trained on, each of which is an image of a training step.
    """

    name: str
    fitted: Fitted
    calibration: Calibration
    split: Split
    remark: str
    good_scores: Sequence[float]
    choice_set: Batch
    maps: NDArray[np.float32]
    samples: Batch
    lineage: dict[str, Any]
    images_learned_from: int

    @property
    def is_forged(self) -> NDArray[np.bool_]:
        """Which images of the choice set are forged, (N,)."""
        return self.choice_set.masks.flatten(1).any(dim=1).numpy()

    @property
    def scores(self) -> NDArray[np.float32]:
        """Scores of the choice set, (N,)."""
        return np.asarray(self.maps.max(axis=(1, 2)), dtype=np.float32)

    @property
    def forged_scores(self) -> list[float]:
        """Scores of the forged images of the choice set."""
        return [float(score) for score in self.scores[self.is_forged]]

    @property
    def missed(self) -> int:
        """How many forged defects the line would accept."""
        return sum(score < self.calibration.threshold for score in self.forged_scores)

    @property
    def epochs(self) -> float:
        """How often every image was learned from, and so every place of a picture."""
        options: dict[str, Any] = self.lineage["options"]
        return float(self.fitted.steps * options["batch_size"] / max(1, self.images_learned_from))


def maps_of(model: ADPS, images: torch.Tensor) -> torch.Tensor:
    """uint8 RGB (N, 3, S, S) -> the model's anomaly maps, (N, S, S), by the network's own scores, on the CPU."""
    return torch.cat([part.float().cpu() for part in anomaly_maps(model, images)])


def warnings(outcome: Outcome) -> list[str]:
    """What speaks against relying on this model, and what to do about it, most serious first."""
    return [*_weakness(outcome), *_too_little_data(outcome), *_course(outcome)]


def _weakness(outcome: Outcome) -> list[str]:
    auroc, forged = outcome.fitted.mark.image_auroc, len(outcome.forged_scores)
    if auroc < Margins().least_image_auroc:
        return [
            f"The model does not tell forged defects from good parts (image AUROC {auroc:.3f}; 0.5 is chance)."
            " Do not use it. Train longer, or with a lower learning rate."
        ]
    if outcome.missed > MANY_MISSED * forged:
        return [
            f"{outcome.missed} of {forged} forged defects score below the threshold: the line would accept parts like"
            " them. The last pictures below show which. Train longer, or give more pictures of good parts: the odd"
            " ones among them set the threshold."
        ]
    return []


def _too_little_data(outcome: Outcome) -> list[str]:
    found = [f"{outcome.remark[:1].upper()}{outcome.remark[1:]}"] if outcome.remark else []
    if len(outcome.split.train) < FEW_IMAGES:
        found.append(
            f"Only {len(outcome.split.train)} pictures were learned from. What varies between good parts and is on none"
            " of them will be rejected. Forty are a start, some hundreds are better."
        )
    if len(outcome.split.choice) < FEW_CHOICE_IMAGES:
        found.append(
            f"The forged test images come from {len(outcome.split.choice)} pictures only: take AUROC and AP as rough."
        )
    return found


def _course(outcome: Outcome) -> list[str]:
    found, fitted = [], outcome.fitted
    if fitted.ended_by == "cancelled":
        found.append("The training was ended by hand. The learning rate had not fallen yet; a whole one does better.")
    if outcome.epochs < FEW_EPOCHS:
        found.append(f"Every picture was learned from {outcome.epochs:.1f} times only. Train longer.")
    if fitted.history.looks[-1].mark.value < fitted.mark.value - WORSE_AT_THE_END:
        found.append(
            f"The best look came after step {fitted.best_step} of {fitted.steps}; at the end the model was worse."
            " Try a lower learning rate."
        )
    return found
