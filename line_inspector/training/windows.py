"""The part of each image that the student learns from in a step: a window of whole patches, and of whole features."""

import math

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from line_inspector.model.adps import Windows
from line_inspector.training.options import TrainingOptions


def draw_windows(masks: Tensor, options: TrainingOptions, first_place: int) -> Windows | None:
    """A window per image, anywhere in a good one, on some part of the anomaly in a forged one; None is the whole.

    masks (B, 1, S, S), 1 where forged. A function of the masks, the seed, and each image's place in the stream of
    training images, which is `first_place` for the first of them.
    """
    architecture = options.architecture
    patch_px = math.lcm(architecture.image_size_px // architecture.patches_per_side, architecture.context_stride or 1)
    per_side = architecture.image_size_px // patch_px
    size = math.ceil(options.window_share * per_side)
    if size >= per_side:
        return None
    forged = F.max_pool2d(masks[:, 0], patch_px).numpy() > 0.5  # (B, k, k)
    corners = []
    for place, cells in enumerate(forged, first_place):
        rng = np.random.default_rng([options.seed, place, 3])
        among = np.argwhere(cells if cells.any() else ~cells)
        start = among[rng.integers(len(among))] - rng.integers(0, size, 2)
        top, left = (start.clip(0, per_side - size) * patch_px).tolist()
        corners.append((top, left))
    return Windows(corners, size * patch_px)
