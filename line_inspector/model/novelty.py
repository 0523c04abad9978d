"""How far each place of an image is from anything that good parts showed the teacher there or elsewhere.

Ours, not the paper's: one channel more for the segmentation, which says how unusual a neighbourhood is as a whole,
where the deviations from prototypes.py say in what way each stage's features are.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Novelty(nn.Module):
    """Distance of neighbourhoods to the nearest of `centres` (K, C), by the `mean` and `deviation` of good parts' own.

    A neighbourhood is 3 x 3 features of every stage but the shallowest, as in Roth et al., "Towards Total Recall in
    Industrial Anomaly Detection", CVPR 2022, which compares them with thousands. All three are set before training.
    """

    centres: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, count: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.first = min(1, len(channels) - 1)
        self.register_buffer("centres", torch.zeros(count, sum(channels[self.first :])))
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))

    def neighbourhoods(self, stages: Sequence[Tensor]) -> Tensor:
        """All stages, shallow to deep, (B, C_i, h_i, w_i) -> (B, h, w, C), as large as the shallowest."""
        used = [F.avg_pool2d(f.float(), 3, stride=1, padding=1, count_include_pad=False) for f in stages[self.first :]]
        size = (used[0].shape[-2], used[0].shape[-1])
        deeper = [F.interpolate(f, size=size, mode="bilinear", align_corners=False) for f in used[1:]]
        return torch.cat([used[0], *deeper], dim=1).permute(0, 2, 3, 1)

    def distances(self, neighbourhoods: Tensor) -> Tensor:
        """(..., C) -> (...): Euclidean distance to the nearest centre."""
        with torch.autocast(neighbourhoods.device.type, enabled=False):
            nearness = 2.0 * neighbourhoods @ self.centres.T - self.centres.square().sum(dim=1)
            return (neighbourhoods.square().sum(dim=-1) - nearness.amax(dim=-1)).clamp(min=1e-6).sqrt()

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """All stages, shallow to deep -> (B, 1, h, w): on good parts 0 on average, with a deviation of 1."""
        return ((self.distances(self.neighbourhoods(stages)) - self.mean) / self.deviation).unsqueeze(1)


def beside(features: Tensor, novelty: Tensor) -> Tensor:
    """(B, C, h, w) and the novelty at whatever size -> (B, C + 1, h, w)."""
    scale = novelty.shape[-1] // features.shape[-1]
    if scale > 1:
        novelty = F.avg_pool2d(novelty, scale)
    elif scale == 0:
        size = (features.shape[-2], features.shape[-1])
        novelty = F.interpolate(novelty, size=size, mode="bilinear", align_corners=False)
    return torch.cat([features, novelty.to(features.dtype)], dim=1)
