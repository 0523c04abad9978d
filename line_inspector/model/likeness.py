"""Evidence shared between places that look alike: ours, not the paper's.

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


def shared_among_alike(evidence: Tensor, features: Tensor, unit: Tensor, softness: float) -> Tensor:
    """(B, 1, h, w) of a square image -> (B, 1, g, g), each place the mean over those alike; g is at most MOST_SIDE.

    `features` (B, C, h, w) say what places look like. Two of them are alike when their squared distance is not far
    above `softness` x `unit`^2, `unit` being a distance that is usual between good parts' features.
    """
    shrink = _shrink(features.shape[-1])
    features, evidence = F.avg_pool2d(features.float(), shrink), F.avg_pool2d(evidence.float(), shrink)
    side = features.shape[-1]
    with torch.autocast(features.device.type, enabled=False):
        places = features.flatten(2).transpose(1, 2)  # (B, N, C)
        usual = (softness * unit.float().square()).clamp(min=1e-6)
        unlike = _squared_distances(places - places.mean(dim=1, keepdim=True)) / usual
        weights = torch.softmax(-unlike - _far(side, features), dim=2)
        shared = weights @ evidence.flatten(2).transpose(1, 2)
    return shared.transpose(1, 2).reshape(-1, 1, side, side)


def _shrink(side: int) -> int:
    """The smallest whole number of places to take together so that no more than MOST_SIDE are left."""
    return next(whole for whole in range(1, side + 1) if side % whole == 0 and side // whole <= MOST_SIDE)


def _squared_distances(places: Tensor) -> Tensor:
    """(B, N, C) -> (B, N, N). The mean taken off before keeps the differences of large numbers exact enough."""
    squares = places.square().sum(dim=2)
    return (squares[:, :, None] + squares[:, None, :] - 2.0 * places @ places.transpose(1, 2)).clamp(min=0.0)


def _far(side: int, like: Tensor) -> Tensor:
    """(N, N): how much less two places of a grid count for each other because they are far apart, as a logit."""
    along = torch.arange(side, device=like.device, dtype=torch.float32) / side
    apart = (along[:, None] - along[None, :]).square() / (2.0 * REACH**2)  # of rows or of columns
    return (apart[:, None, :, None] + apart[None, :, None, :]).reshape(side * side, side * side)
