"""What good parts look like to a model's teacher, found before its training: prototypes, and the novelty's centres."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from line_inspector.model.adps import ADPS
from line_inspector.model.novelty import Scale
from line_inspector.model.prototypes import Prototypes
from line_inspector.training.coreset import find_coreset
from line_inspector.training.tiles import Images, frame_of

MOST_IMAGES = 600
MOST_FEATURES = 40_000  # of each stage, for k-means
MOST_NEIGHBOURHOODS = 100_000  # of each scale: what is rare among good parts has to be among them
ENOUGH_NEIGHBOURHOODS = 40_000  # of few images: there, more of them are alike
NEIGHBOURHOODS_PER_IMAGE = 400
MEASURED_NEIGHBOURHOODS = 20_000  # a mean and a deviation need no more
BATCH = 8
ROWS = 2048

Vectors = NDArray[np.float32]


class _Drawn(NamedTuple):
    """Some feature vectors, (N, C), and which image each comes from, (N,)."""

    vectors: Vectors
    sources: NDArray[np.int64]


def fit_prototypes(model: ADPS, images: Images, seed: int) -> None:
    """Set the prototypes and the novelty of `model`, if it has them, from good images, uint8 RGB (S, S, 3) each."""
    if not _prototypes(model) and not _scales(model):
        return
    batches = zip(*_drawn(model, images, np.random.default_rng([seed, 5])), strict=True)
    drawn = [_Drawn(*(np.concatenate(parts) for parts in zip(*of_map, strict=True))) for of_map in batches]
    del batches  # gigabytes, for a wide network
    for stage, prototypes in _prototypes(model).items():
        nearest = _search(prototypes.centres, drawn[stage].vectors, seed)
        prototypes.spread.fill_(max(float(nearest.square().mean()), 1e-6))
    scales = _scales(model)
    for scale, of_scale in zip(scales, drawn[len(drawn) - len(scales) :], strict=True):
        _fit_scale(scale, of_scale, seed)


def _prototypes(model: ADPS) -> dict[int, Prototypes]:
    """Those of each of the teacher's stages that has some."""
    stages = enumerate([*model.comparisons, *model.context])
    return {stage: module for stage, part in stages for module in part.modules() if isinstance(module, Prototypes)}


def _scales(model: ADPS) -> list[Scale]:
    return [module for module in model.modules() if isinstance(module, Scale)]


def _drawn(model: ADPS, images: Images, rng: np.random.Generator) -> Iterator[list[_Drawn]]:
    """Per batch of images: some feature vectors of each stage, then some neighbourhoods of each scale."""
    chosen = np.sort(rng.permutation(len(images))[:MOST_IMAGES])
    for start in range(0, len(chosen), BATCH):
        numbers = chosen[start : start + BATCH]
        pixels = np.stack([images[int(number)] for number in numbers])
        with torch.inference_mode():
            frames = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(model.mean.device)
            stages: list[Tensor] = model.teacher(model.normalise(frames))
            scales = [scale.neighbourhoods(stages) for scale in _scales(model)]
        sources = np.array([frame_of(images, int(number)) for number in numbers])
        neighbourhoods = max(ENOUGH_NEIGHBOURHOODS, NEIGHBOURHOODS_PER_IMAGE * len(chosen))
        most = [MOST_FEATURES] * len(stages) + [min(MOST_NEIGHBOURHOODS, neighbourhoods)] * len(scales)
        yield [
            _draw(maps, sources, int(np.ceil(count * len(numbers) / len(chosen))), rng)
            for maps, count in zip([*stages, *scales], most, strict=True)
        ]


def _draw(maps: Tensor, sources: NDArray[np.int64], count: int, rng: np.random.Generator) -> _Drawn:
    """At most `count` of the vectors of maps (B, C, h, w)."""
    rows = maps.permute(0, 2, 3, 1).flatten(0, 2).float().cpu().numpy()
    lot = rng.permutation(len(rows))[:count]
    return _Drawn(rows[lot], sources[lot * len(sources) // len(rows)])


def _fit_scale(scale: Scale, drawn: _Drawn, seed: int) -> None:
    """Centres that cover what was drawn; mean and deviation of the distance to those of other images."""
    chosen = find_coreset(drawn.vectors, len(scale.centres), seed)
    scale.centres.copy_(torch.from_numpy(drawn.vectors[chosen]))
    scale.sources.copy_(torch.from_numpy(drawn.sources[chosen]))
    device = scale.centres.device
    every = -(-len(drawn.vectors) // MEASURED_NEIGHBOURHOODS)
    vectors, sources = (torch.from_numpy(each[::every]).to(device) for each in drawn)
    parts = [slice(start, start + ROWS) for start in range(0, len(vectors), ROWS)]
    distances = torch.cat([scale.distances(vectors[part, None], sources[part])[:, 0] for part in parts])
    scale.mean.fill_(float(distances.mean()))
    scale.deviation.fill_(max(float(distances.std(correction=0)), 1e-3))


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
