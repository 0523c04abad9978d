"""Maps of a batch reduced to one row of bytes for each frame, on the device: all that comes back to the host."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from line_inspector.inference.engine import Finding, FrameFault
from line_inspector.inference.heat import coarse_maps
from line_inspector.inference.scale import ScoreScale
from line_inspector.inference.torch_engine import NOT_A_NUMBER
from line_inspector.inference.view import View
from line_inspector.messages import HEAT_SIDE_PX

SCORE_BYTES = 4  # float32, then one byte: whether all of the map is a number
ROW_BYTES = SCORE_BYTES + 1 + HEAT_SIDE_PX**2


def pack(maps: Tensor, scale: ScoreScale, view: View) -> Tensor:
    """Maps of regions by the network's own scores, float32 (B, H, W) -> uint8 (B, ROW_BYTES), on the stable scale."""
    scores = scale.apply(maps.amax((1, 2)))[:, None].view(torch.uint8)
    is_number = maps.isfinite().flatten(1).all(1, keepdim=True).to(torch.uint8)
    heat = (scale.apply(coarse_maps(maps, view)) * 255).round().clamp(0, 255).to(torch.uint8)
    return torch.cat([scores, is_number, heat.flatten(1)], dim=1)


def unpack(rows: NDArray[np.uint8]) -> list[Finding | FrameFault]:
    """What `pack` has packed; copied, so that `rows` may be used again."""
    rows = rows.copy()
    scores = rows[:, :SCORE_BYTES].copy().view(np.float32)[:, 0].tolist()
    heats = rows[:, SCORE_BYTES + 1 :].reshape(-1, HEAT_SIDE_PX, HEAT_SIDE_PX)
    return [
        Finding(score, heat) if is_number else NOT_A_NUMBER
        for score, is_number, heat in zip(scores, rows[:, SCORE_BYTES].tolist(), heats, strict=True)
    ]
