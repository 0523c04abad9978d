"""What a map says, shared between places that look alike: ours, not the paper's.

A wide defect looks like itself all over, and stands out more at its rim or where it is strongest. So what a place says
of itself is averaged over the places of the same image that look like it and are not far away; a small defect looks
like nothing around it and keeps its own word. It is the bilateral filter of Tomasi and Manduchi, "Bilateral Filtering
for Gray and Color Images", ICCV 1998, on the teacher's features instead of colours.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from line_inspector.model.upsampling import upsample

REACH = 0.3  # deviation of the Gaussian by which far places count less, as a share of the image's side
MOST_SIDE = 32  # places per side; the work grows with its fourth power


def share_among_alike(logits: Tensor, features: Tensor, unit: Tensor, softness: float) -> Tensor:
    """(B, 1, H, W) of square images -> the same, with its coarse part shared; what is finer than a place stays.

    `features` (B, C, h, w) say what places look like; h is a divisor of H. Two of them are alike when their squared
    distance is not far above `softness` x `unit`^2, `unit` being a distance that is usual between good parts' features.
    """
    size = (logits.shape[-2], logits.shape[-1])
    features = F.avg_pool2d(features.float(), _shrink(features.shape[-1]))
    coarse = F.avg_pool2d(logits, size[0] // features.shape[-1])
    weights = _weights(features, unit, softness)
    shared = (weights @ coarse.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(coarse.shape)
    return logits + upsample(shared - coarse, size)


def _weights(features: Tensor, unit: Tensor, softness: float) -> Tensor:
    """(B, C, g, g) -> (B, N, N) for the N = g x g places: how much each counts for each; rows sum to 1.

    The logit is -|f_i - f_j|^2 / usual - |x_i - x_j|^2 / (2 REACH^2), f being the features and x the place. What is the
    same in a whole row is nothing to the softmax; what is left is a product of two vectors of f, x and one number more,
    so that no table of N x N is ever made but this one.
    """
    with torch.autocast(features.device.type, enabled=False):
        places = features.flatten(2).transpose(1, 2)
        places = places - places.mean(dim=1, keepdim=True)  # keeps the differences of large numbers exact enough
        usual = (softness * unit.float().square()).clamp(min=1e-6)
        where = _where(features).expand(places.shape[0], -1, -1)
        off = places.square().sum(dim=2, keepdim=True) / usual + where.square().sum(dim=2, keepdim=True) / 2.0
        asking = torch.cat([places * (2.0 / usual), where, torch.ones_like(off)], dim=2)
        asked = torch.cat([places, where, -off], dim=2)
        return torch.softmax(asking @ asked.transpose(1, 2), dim=2)


def _where(features: Tensor) -> Tensor:
    """(1, N, 2): row and column of each place from the middle, in units of REACH of the image's side."""
    side = features.shape[-1]
    along = (torch.arange(side, device=features.device, dtype=torch.float32) / side - 0.5) / REACH
    return torch.cartesian_prod(along, along)[None]


def _shrink(side: int) -> int:
    """The smallest whole number of places to take together so that no more than MOST_SIDE are left."""
    return next(whole for whole in range(1, side + 1) if side % whole == 0 and side // whole <= MOST_SIDE)
