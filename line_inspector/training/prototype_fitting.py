"""The prototypes of a model's stages, from the good images that it is trained on: k-means over teacher features."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from line_inspector.model.adps import ADPS
from line_inspector.model.prototypes import Prototypes

MOST_IMAGES = 300
MOST_VECTORS = 40_000  # of each stage
BATCH = 8

Pixels = NDArray[np.uint8]
Vectors = NDArray[np.float32]


def fit_prototypes(model: ADPS, pixels: Pixels, seed: int) -> None:
    """Set the prototypes of `model`, if it has any, from good images, uint8 RGB (N, S, S, 3).

    Prototypes that were fitted before, in a parent, are where the search starts, and those that none of these images
    needs stay as they are: a variety that last night did not bring is not forgotten.
    """
    of_stages = [m for m in model.comparisons.modules() if isinstance(m, Prototypes)]
    if not of_stages:
        return
    rng = np.random.default_rng([seed, 5])
    chosen = pixels[np.sort(rng.permutation(len(pixels))[:MOST_IMAGES])]
    vectors = [np.concatenate(stage) for stage in zip(*_drawn(model, chosen, rng), strict=True)]
    for prototypes, of_stage in zip(of_stages, vectors, strict=True):
        _fit_stage(prototypes, of_stage, seed)


def _drawn(model: ADPS, pixels: Pixels, rng: np.random.Generator) -> Iterator[list[Vectors]]:
    """Per batch of images, some feature vectors (n, C) of each stage."""
    share = MOST_VECTORS / len(pixels)
    for start in range(0, len(pixels), BATCH):
        images = torch.from_numpy(pixels[start : start + BATCH]).permute(0, 3, 1, 2).to(model.mean.device)
        with torch.inference_mode():
            stages = [f.permute(0, 2, 3, 1).flatten(0, 2).float().cpu() for f in model.teacher(model.normalise(images))]
        yield [f.numpy()[rng.permutation(len(f))[: int(np.ceil(share * len(images)))]] for f in stages]


def _fit_stage(prototypes: Prototypes, vectors: Vectors, seed: int) -> None:
    count = len(prototypes.centres)
    vectors = np.resize(vectors, (max(count, len(vectors)), vectors.shape[1]))  # k-means wants as many as prototypes
    start = prototypes.centres.cpu().numpy()
    if not start.any():
        start = vectors[np.random.default_rng([seed, 6]).permutation(len(vectors))[:count]]
    search = MiniBatchKMeans(count, init=start, n_init=1, batch_size=4096, max_iter=10, random_state=0)
    search.set_params(reassignment_ratio=0.0, compute_labels=False).fit(vectors)
    centres = torch.from_numpy(np.ascontiguousarray(search.cluster_centers_, dtype=np.float32))
    nearest = torch.cdist(torch.from_numpy(vectors[:MOST_VECTORS]), centres).amin(dim=1).square()
    prototypes.centres.copy_(centres)
    prototypes.spread.fill_(max(float(nearest.mean()), 1e-6))
