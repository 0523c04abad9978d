"""A coreset: a few vectors of many, such that none of the many is far from all of the few."""

import numpy as np
import torch
from numpy.typing import NDArray

PROJECTED_TO = 64  # dimensions: distances stay about the same (Johnson and Lindenstrauss), each costs less


def find_coreset(vectors: NDArray[np.float32], count: int, seed: int) -> NDArray[np.int64]:
    """Indices (count,) of rows of `vectors` (N, C), each as far as can be from those before it, the first at random.

    Greedy k-centre (Gonzalez, 1985), as PatchCore does. Where `count` exceeds N, indices come again.
    """
    rng = np.random.default_rng([seed, 7])
    rows = torch.from_numpy(vectors)
    if rows.shape[1] > PROJECTED_TO:
        rows = rows @ torch.from_numpy(rng.standard_normal((rows.shape[1], PROJECTED_TO), np.float32))
    lengths = rows.square().sum(dim=1)
    chosen = [int(rng.integers(len(rows)))]
    away = torch.full((len(rows),), torch.inf)
    for _ in range(count - 1):
        latest = chosen[-1]
        torch.minimum(away, lengths + lengths[latest] - 2.0 * (rows @ rows[latest]), out=away)
        chosen.append(int(away.argmax()))
    return np.array(chosen)
