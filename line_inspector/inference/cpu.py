"""The way forward on the CPU: fp32, channels_last, batch norm folded into the convolutions."""

import numpy as np
import torch
from numpy.typing import NDArray

from line_inspector.inference.folding import fold_batch_norm
from line_inspector.inference.torch_engine import Forward
from line_inspector.model.adps import ADPS


def cpu_forward(model: ADPS) -> Forward:
    """Return the way of `model` from pixels to maps; exact to float rounding. `model` itself may be changed."""
    model = fold_batch_norm(model.cpu()).to(memory_format=torch.channels_last)

    def forward(pixels: NDArray[np.uint8]) -> torch.Tensor:
        images = model.normalise(torch.from_numpy(pixels))
        return model.anomaly_map(images.contiguous(memory_format=torch.channels_last))

    return forward
