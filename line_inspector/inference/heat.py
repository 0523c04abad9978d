"""Maps brought to another size so that their brightest pixel stays as bright: each cell is the maximum under it."""

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from line_inspector.inference.view import WHOLE, View
from line_inspector.messages import HEAT_SIDE_PX

TOUCHING = 1e-6  # of a pixel: less is rounding, not overlap


def coarse_maps(maps: Tensor, view: View = WHOLE) -> Tensor:
    """(B, H, W) -> (B, HEAT_SIDE_PX, HEAT_SIDE_PX) of the frame: small enough for every message."""
    if view.is_whole_frame:
        return F.adaptive_max_pool2d(maps[:, None], HEAT_SIDE_PX)[:, 0]
    return over_frame(maps, view, (HEAT_SIDE_PX, HEAT_SIDE_PX))


def over_frame(maps: Tensor, view: View, shape: tuple[int, int]) -> Tensor:
    """Maps of regions of interest (B, H, W) -> of the frames around them (B, *shape), 0 beside the region."""
    rows, columns, outside = _cells(view, shape, (maps.shape[1], maps.shape[2]), maps.device)
    cells = maps[:, rows].amax(dim=2)[:, :, columns].amax(dim=3)
    return cells.masked_fill(outside, 0.0)


@cache
def _cells(
    view: View, shape: tuple[int, int], map_shape: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Which rows and columns of the map are under each cell of the frame, and whether none is, on the device.

    Kept for good: a CUDA graph can neither make them nor do without them later.
    """
    rows, row_is_inside = _under(shape[0], view.y, view.height, map_shape[0])
    columns, column_is_inside = _under(shape[1], view.x, view.width, map_shape[1])
    outside = ~np.outer(row_is_inside, column_is_inside)
    on_device = [torch.from_numpy(each).to(device) for each in (rows, columns, outside)]
    return on_device[0], on_device[1], on_device[2]


def _under(cells: int, start: float, length: float, pixels: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Along one side: the region's pixels that each cell of the frame touches, the last one repeated, and whether any.

    `start` and `length` are the region's, as shares of the frame. Returns (cells, n) and (cells,).
    """
    edges = (np.arange(cells + 1) / cells - start) / length * pixels
    first = np.floor(edges[:-1] + TOUCHING).astype(np.int64).clip(0, pixels)
    behind = np.ceil(edges[1:] - TOUCHING).astype(np.int64).clip(0, pixels)
    is_inside = behind > first
    last = np.where(is_inside, behind - 1, 0)
    most = max(1, int((behind - first).max()))
    return np.minimum(np.where(is_inside, first, 0)[:, None] + np.arange(most), last[:, None]), is_inside
