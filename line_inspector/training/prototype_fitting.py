"""The prototypes of a model's stages, from the good images that it is trained on: k-means over teacher features."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from line_inspector.model.adps import ADPS
from line_inspector.model.prototypes import Prototypes
from line_inspector.training.tiles import Images

MOST_IMAGES = 300
MOST_VECTORS = 40_000  # of each stage
BATCH = 8

Pixels = NDArray[np.uint8]
Vectors = NDArray[np.float32]


def fit_prototypes(model: ADPS, pixels: Images, seed: int) -> None:
    """Set the prototypes and the novelty of `model`, if it has them, from good images, uint8 RGB (S, S, 3) each."""
    of_stages = [m for m in model.comparisons.modules() if isinstance(m, Prototypes)]
    if not of_stages and model.novelty is None:
        return
    rng = np.random.default_rng([seed, 5])
    chosen = np.stack([pixels[int(index)] for index in np.sort(rng.permutation(len(pixels))[:MOST_IMAGES])])
    vectors = [np.concatenate(drawn) for drawn in zip(*_drawn(model, chosen, rng), strict=True)]
    for prototypes, of_stage in zip(of_stages, vectors, strict=False):
        nearest = _search(prototypes.centres, of_stage, seed)
        prototypes.spread.fill_(max(float(nearest.square().mean()), 1e-6))
    if model.novelty is not None:
        nearest = _search(model.novelty.centres, vectors[-1], seed)
        model.novelty.mean.fill_(float(nearest.mean()))
        model.novelty.deviation.fill_(max(float(nearest.std(correction=0)), 1e-3))


def _drawn(model: ADPS, pixels: Pixels, rng: np.random.Generator) -> Iterator[list[Vectors]]:
    """Per batch of images, some feature vectors (n, C) of each stage, and last some of the novelty's neighbourhoods."""
    share = MOST_VECTORS / len(pixels)
    for start in range(0, len(pixels), BATCH):
        images = torch.from_numpy(pixels[start : start + BATCH]).permute(0, 3, 1, 2).to(model.mean.device)
        with torch.inference_mode():
            stages: list[Tensor] = model.teacher(model.normalise(images))
            maps = [features.permute(0, 2, 3, 1) for features in stages]
            if model.novelty is not None:
                maps.append(model.novelty.neighbourhoods(stages))
            rows = [each.flatten(0, 2).float().cpu().numpy() for each in maps]
        yield [each[rng.permutation(len(each))[: int(np.ceil(share * len(images)))]] for each in rows]


def _search(centres: Tensor, vectors: Vectors, seed: int) -> Tensor:
    """Set `centres` (K, C) by k-means; returns each vector's distance to the nearest, (n,)."""
    count = len(centres)
    vectors = np.resize(vectors, (max(count, len(vectors)), vectors.shape[1]))  # k-means wants as many as prototypes
    start = vectors[np.random.default_rng([seed, 6]).permutation(len(vectors))[:count]]
    search = MiniBatchKMeans(count, init=start, n_init=1, batch_size=4096, max_iter=10, random_state=0)
    search.set_params(reassignment_ratio=0.0, compute_labels=False).fit(vectors)
    found = torch.from_numpy(np.ascontiguousarray(search.cluster_centers_, dtype=np.float32))
    centres.copy_(found)
    return torch.cdist(torch.from_numpy(vectors), found).amin(dim=1)
