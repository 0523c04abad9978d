"""The coarse map of an anomaly map: small enough for every message, and its brightest pixel stays as bright."""

import torch.nn.functional as F
from torch import Tensor

from line_inspector.messages import HEAT_SIDE_PX


def coarse_maps(maps: Tensor) -> Tensor:
    """(B, H, W) -> (B, HEAT_SIDE_PX, HEAT_SIDE_PX), each cell the maximum of what lies under it."""
    return F.adaptive_max_pool2d(maps[:, None], HEAT_SIDE_PX)[:, 0]
