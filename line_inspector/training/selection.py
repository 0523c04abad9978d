"""The choice of the checkpoint: by forged anomalies on held-out good images, never by a test set."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from line_inspector.errors import InputError
from line_inspector.inference.heat import coarse_maps
from line_inspector.inference.tiling import Tiling
from line_inspector.model.adps import ADPS
from line_inspector.model.forging import Sample
from line_inspector.model.perlin import Mask
from line_inspector.training.samples import Batch, to_batch
from line_inspector.training.tiles import Images, everywhere

FORGED_PER_IMAGE = 3
MOST_IMAGES = 24
BATCH_SIZE = 8


class Forges(Protocol):
    """What draws forged anomalies: forging.py on images of the model's size, region_forging.py on regions."""

    def forge(self, rng: np.random.Generator, image: NDArray[np.uint8], within: Mask | None = None) -> Sample: ...


class Mark(NamedTuple):
    """How well the forged anomalies were found: 0..1 each, higher is better."""

    image_auroc: float
    pixel_ap: float

    @property
    def value(self) -> float:
        """What checkpoints are compared by."""
        return (self.image_auroc + self.pixel_ap) / 2


class BestSoFar:
    """The state of the model at its best mark. `looks_in_vain`: how many came since one was better than all before."""

    def __init__(self) -> None:
        self.mark: Mark | None = None
        self.step = 0
        self.looks_in_vain = 0
        self.state: dict[str, torch.Tensor] = {}

    def look(self, model: ADPS, choice_set: Batch, step: int) -> Mark:
        """Judge the model and keep its state if it is the best, or as good as the best and later."""
        seen = mark(model, choice_set)
        better = self.mark is None or seen.value > self.mark.value
        self.looks_in_vain = 0 if better else self.looks_in_vain + 1
        if self.mark is None or seen.value >= self.mark.value:
            self.mark, self.step = seen, step
            self.state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        return seen

    def restore(self, model: ADPS) -> Mark:
        """Put the best state back."""
        assert self.mark is not None
        model.load_state_dict(self.state)
        return self.mark


def forged_choice_set(
    pixels: Images, forger: Forges, seed: int, within: Callable[[int], Mask | None] = everywhere
) -> Batch:
    """Good images, uint8 (H, W, 3) each, all of one size, as they are and forged several times over; deterministic.

    `within` says by an image's index where on it something may be forged.
    """
    images: list[NDArray[np.uint8]] = []
    masks: list[NDArray[np.bool_]] = []
    for index in range(min(len(pixels), MOST_IMAGES)):
        rng = np.random.default_rng([seed, index, 2])
        good = (pixels[index], np.zeros(pixels[index].shape[:2], np.bool_))
        forged = (forger.forge(rng, pixels[index], within(index)) for _ in range(FORGED_PER_IMAGE))
        for image, mask in (good, *forged):
            images.append(image)
            masks.append(mask)
    return to_batch(images, masks)


def mark(model: ADPS, choice_set: Batch) -> Mark:
    """Judge the model, in eval mode, on a set of good and forged images. Raises InputError for one that diverged."""
    maps = np.concatenate([part.cpu().numpy() for part in anomaly_maps(model, choice_set.images)])
    if not np.isfinite(maps).all():
        raise InputError("the model's answer is no longer a number", "training", "Use a lower --learning-rate.")
    truth = choice_set.masks[:, 0].numpy() > 0.5
    bad = truth.any(axis=(1, 2))
    image_auroc = float(roc_auc_score(bad, maps.max(axis=(1, 2))))
    pixel_ap = float(average_precision_score(truth[:, ::2, ::2].ravel(), maps[:, ::2, ::2].ravel()))
    return Mark(image_auroc, pixel_ap)


def anomaly_maps(model: ADPS, images: torch.Tensor) -> Iterator[torch.Tensor]:
    """uint8 RGB (N, 3, S, S) -> anomaly maps (B, S, S), batch by batch, in fp32 as the line will compute them."""
    model.eval()
    with torch.inference_mode():
        for part in torch.split(images, BATCH_SIZE):
            yield model.anomaly_map(model.normalise(part.to(model.mean.device)))


def image_heats(model: ADPS, pixels: NDArray[np.uint8], tiling: Tiling) -> NDArray[np.float32]:
    """Coarse maps (heat.py) of regions of interest, uint8 (N, H, W, 3) -> (N, cells); a row's largest is the score.

    The cells are those of `cells_that_count`.
    """
    cells = cells_that_count(tiling)
    heats = [np.empty((0, int(cells.sum())), np.float32)]
    at_once = max(1, BATCH_SIZE // tiling.count)
    for start in range(0, len(pixels), at_once):
        tiles = tiling.tiles(pixels[start : start + at_once].transpose(0, 3, 1, 2))
        maps = tiling.join(torch.cat(list(anomaly_maps(model, torch.from_numpy(tiles)))))
        heats.append(coarse_maps(maps, tiling.view).flatten(1).cpu().numpy()[:, cells])
    return np.concatenate(heats)


def cells_that_count(tiling: Tiling) -> NDArray[np.bool_]:
    """Which cells of the whole frame's coarse map, as the page shows it, hold any of where an anomaly counts: flat."""
    counts = tiling.foreground if tiling.foreground is not None else np.ones(tiling.region_shape, np.bool_)
    return np.asarray(coarse_maps(torch.from_numpy(counts).float()[None], tiling.view).flatten().numpy() > 0)
