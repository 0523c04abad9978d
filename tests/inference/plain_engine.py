"""What a model of 64 px says by itself: every engine must answer so, whatever it does to be faster."""

import numpy as np
import torch

from line_inspector.inference.preprocess import to_model_input
from line_inspector.model.adps import ADPS


def plain_maps(model: ADPS, frames: list[np.ndarray]) -> np.ndarray:
    """Maps by the network's own scores, (N, 64, 64), one frame at a time."""
    with torch.no_grad():
        return np.concatenate(
            [model.anomaly_map(model.normalise(torch.from_numpy(to_model_input(f, 64))[None])).numpy() for f in frames]
        )
