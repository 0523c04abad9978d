"""What a map says, shared between places that look alike: ours, not the paper's.

A wide defect looks like itself all over, and stands out more at its rim or where it is strongest. So what a place says
of itself is averaged over the places of the same image that look like it and are not far away; a small defect looks
like nothing around it and keeps its own word. It is the bilateral filter of Tomasi and Manduchi, "Bilateral Filtering
for Gray and Color Images", ICCV 1998, on the teacher's features instead of colours.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

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
    return logits + F.interpolate(shared - coarse, size=size, mode="bilinear", align_corners=False)


def _weights(features: Tensor, unit: Tensor, softness: float) -> Tensor:
    """(B, C, g, g) -> (B, N, N) for the N = g x g places: how much each counts for each; rows sum to 1."""
    with torch.autocast(features.device.type, enabled=False):
        places = features.flatten(2).transpose(1, 2)
        usual = (softness * unit.float().square()).clamp(min=1e-6)
        unlike = _squared_distances(places - places.mean(dim=1, keepdim=True)) / usual
        return torch.softmax(-unlike - _far(features), dim=2)


def _shrink(side: int) -> int:
    """The smallest whole number of places to take together so that no more than MOST_SIDE are left."""
    return next(whole for whole in range(1, side + 1) if side % whole == 0 and side // whole <= MOST_SIDE)


def _squared_distances(places: Tensor) -> Tensor:
    """(B, N, C) -> (B, N, N). The mean taken off before keeps the differences of large numbers exact enough."""
    squares = places.square().sum(dim=2)
    return (squares[:, :, None] + squares[:, None, :] - 2.0 * places @ places.transpose(1, 2)).clamp(min=0.0)


def _far(features: Tensor) -> Tensor:
    """(N, N): how much less two places count for each other because they are far apart, as a logit."""
    side = features.shape[-1]
    along = torch.arange(side, device=features.device, dtype=torch.float32) / side
    apart = (along[:, None] - along[None, :]).square() / (2.0 * REACH**2)  # of rows or of columns
    return (apart[:, None, :, None] + apart[None, :, None, :]).reshape(side * side, side * side)
