"""What good parts look like to the teacher: a few hundred typical feature vectors of a stage, and how far one is off.

Ours, not the paper's. The weight mask block lets the teacher's features through where the student disagrees. With
prototypes it lets through only what no good part shows, so that the segmentation learns from deviations, which look
alike for forged and for real defects, rather than from the looks of the forgeries.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SOFTNESS = 0.1  # of the spread: prototypes that are nearly as near share the vote, so that no rounding decides alone


class Prototypes(nn.Module):
    """`centres` (K, C), typical feature vectors of one stage; `spread`, the mean squared distance of good features.

    Both are set before training (training/prototype_fitting.py) and saved with the model.
    """

    centres: Tensor
    spread: Tensor

    def __init__(self, count: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(count, channels))
        self.register_buffer("spread", torch.ones(()))

    def forward(self, features: Tensor) -> Tensor:
        """The deviation of each location's features from its nearest prototypes: (B, C, h, w) -> same, float32."""
        with torch.autocast(features.device.type, enabled=False):
            rows = features.float().permute(0, 2, 3, 1)  # (B, h, w, C)
            unit = SOFTNESS * self.spread  # into the weights: they are few, the products are many
            nearness = F.linear(rows, 2.0 * self.centres / unit, -self.centres.square().sum(dim=1) / unit)
            typical = torch.softmax(nearness, dim=-1) @ self.centres  # |rows|^2 is the same for all, so left out
            return (rows - typical).permute(0, 3, 1, 2)
