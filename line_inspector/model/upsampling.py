"""Bilinear up-sampling of maps as two products of matrices.

The same weights as torch's own, up to rounding, but a runtime that reads an exported graph multiplies matrices several
times faster than it resizes a map of one or two channels.
"""

import torch
from torch import Tensor


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, h, w) -> (B, C, *size), float32: bilinear, by the centres of pixels, the edge repeated."""
    with torch.autocast(maps.device.type, enabled=False):
        rows, columns = (_weights(to, maps.shape[axis], maps) for to, axis in zip(size, (-2, -1), strict=True))
        return rows @ maps.float() @ columns.T


def _weights(to: int, count: int, like: Tensor) -> Tensor:
    """(to, count): how much of each pixel is in each pixel of the larger map; rows sum to 1."""
    places = (torch.arange(to, device=like.device, dtype=torch.float32) + 0.5) * (count / to) - 0.5
    pixels = torch.arange(count, device=like.device, dtype=torch.float32)
    return (1.0 - (places.clamp(0, count - 1)[:, None] - pixels).abs()).clamp(min=0.0)
