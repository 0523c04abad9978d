"""Which good images are trained on, which choose the checkpoint, which set the threshold. No image does two jobs."""

from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """Indices into the set of good images, each in ascending order; disjoint, together the whole set."""

    train: list[int]
    choice: list[int]
    calibration: list[int]


def split_good_images(count: int, held_out_share: float, choice_share: float, seed: int) -> Split:
    """Split `count` images at random, at least 2 held out for each purpose."""
    held_out = max(4, round(count * held_out_share))
    choice = min(max(2, round(held_out * choice_share)), held_out - 2)
    order = np.random.default_rng([seed, count]).permutation(count).tolist()
    return Split(sorted(order[held_out:]), sorted(order[:choice]), sorted(order[choice:held_out]))
