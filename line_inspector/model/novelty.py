"""How far each place of an image is from anything that good parts showed the teacher there or elsewhere.

Ours, not the paper's: channels more for the segmentation, which say how unusual a neighbourhood is as a whole, where
the deviations from prototypes.py say in what way each stage's features are.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from line_inspector.model.likeness import share_among_alike

NO_IMAGE = -1

Crop = Callable[[Tensor], Tensor]


def whole(maps: Tensor) -> Tensor:
    """All of a map."""
    return maps


class Novelty(nn.Module):
    """One scale for each stage but the shallowest together with the next deeper one; a single stage is a scale itself.

    `count` is the number of every scale's centres, `channels` those of the stages, shallow to deep.
    """

    def __init__(self, count: int, channels: Sequence[int]) -> None:
        super().__init__()
        first = min(1, len(channels) - 1)
        starts = range(first, max(first + 1, len(channels) - 1))
        self.scales = nn.ModuleList(Scale(count, channels, slice(start, start + 2)) for start in starts)

    def forward(self, stages: Sequence[Tensor], sources: Tensor | None = None, crop: Crop = whole) -> Tensor:
        """All stages, shallow to deep -> (B, scales, h, w), as large as the finest scale.

        On good parts each is 0 on average with a deviation of 1. `sources`: see Scale. `crop` says of which part of the
        maps it is asked.
        """
        maps = [scale(stages, sources, crop) for scale in self.scales]
        size = (maps[0].shape[-2], maps[0].shape[-1])
        coarser = [F.interpolate(each, size=size, mode="bilinear", align_corners=False) for each in maps[1:]]
        return torch.cat([maps[0], *coarser], dim=1)

    def share(self, logits: Tensor, stages: Sequence[Tensor], softness: float) -> Tensor:
        """(B, 1, H, W) of square images -> the same, shared among places that look alike to the finest scale.

        See likeness.py for `softness`; 0 leaves every place its own.
        """
        if softness == 0:
            return logits
        finest = self.scales[0]
        assert isinstance(finest, Scale)
        return share_among_alike(logits, finest.neighbourhoods(stages), finest.mean, softness)


class Scale(nn.Module):
    """Distance of neighbourhoods to the nearest of `centres` (K, C), by the `mean` and `deviation` of good parts' own.

    A neighbourhood is 3 x 3 features of two stages, `used`, as in Roth et al., "Towards Total Recall in Industrial
    Anomaly Detection", CVPR 2022. All three are set before training (training/prototype_fitting.py).

    `sources` (K,) says which training image each centre was taken from, NO_IMAGE where that is not known. A training
    image must not be compared with itself, or the segmentation would learn that good parts have no novelty at all,
    which is not so of any part that comes later. Not saved with the model: only its own training knows these images.
    """

    centres: Tensor
    mean: Tensor
    deviation: Tensor
    sources: Tensor

    def __init__(self, count: int, channels: Sequence[int], used: slice) -> None:
        super().__init__()
        self.used = used
        self.register_buffer("centres", torch.zeros(count, sum(channels[used])))
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))
        self.register_buffer("sources", torch.full((count,), NO_IMAGE), persistent=False)

    def neighbourhoods(self, stages: Sequence[Tensor]) -> Tensor:
        """All stages, shallow to deep, (B, C_i, h_i, w_i) -> (B, C, h, w), as large as the shallower of those used.

        Zeros beyond the border count as features: what lies there is shaped by the network's own padding and varies
        most among good parts, and so weighs less (docs/benchmarks.md).
        """
        pooled = [F.avg_pool2d(features.float(), 3, stride=1, padding=1) for features in stages[self.used]]
        size = (pooled[0].shape[-2], pooled[0].shape[-1])
        deeper = [F.interpolate(f, size=size, mode="bilinear", align_corners=False) for f in pooled[1:]]
        return torch.cat([pooled[0], *deeper], dim=1)

    def distances(self, neighbourhoods: Tensor, sources: Tensor | None = None) -> Tensor:
        """(B, ..., C) -> (B, ...): Euclidean distance to the nearest centre.

        `sources` (B,): the training image that each comes from, whose own centres are then left out.
        """
        with torch.autocast(neighbourhoods.device.type, enabled=False):
            middle = self.centres.mean(dim=0)  # without it, the difference of two large numbers would lose a small one
            rows, centres = neighbourhoods - middle, self.centres - middle
            nearness = F.linear(rows, 2.0 * centres, -centres.square().sum(dim=1))
            if sources is not None:
                own = (sources[:, None] == self.sources) & (self.sources != NO_IMAGE)  # (B, K)
                own &= ~own.all(dim=1, keepdim=True)  # the only image there is has nothing else to be compared with
                nearness = nearness.masked_fill(own.view(len(own), *[1] * (nearness.dim() - 2), -1), -torch.inf)
            return (rows.square().sum(dim=-1) - nearness.amax(dim=-1)).clamp(min=1e-6).sqrt()

    def forward(self, stages: Sequence[Tensor], sources: Tensor | None = None, crop: Crop = whole) -> Tensor:
        """All stages, shallow to deep -> (B, 1, h, w)."""
        asked = crop(self.neighbourhoods(stages)).permute(0, 2, 3, 1)
        distances = self.distances(asked, sources)
        return ((distances - self.mean) / self.deviation).unsqueeze(1)


def beside(features: Tensor, novelty: Tensor) -> Tensor:
    """(B, C, h, w) and the novelty, (B, N, ...), at whatever size -> (B, C + N, h, w)."""
    scale = novelty.shape[-1] // features.shape[-1]
    if scale > 1:
        novelty = F.avg_pool2d(novelty, scale)
    elif scale == 0:
        size = (features.shape[-2], features.shape[-1])
        novelty = F.interpolate(novelty, size=size, mode="bilinear", align_corners=False)
    return torch.cat([features, novelty.to(features.dtype)], dim=1)


def as_logits(novelty: Tensor, most: float) -> Tensor:
    """(B, N, h, w) -> (B, 1, h, w): what the novelty adds to the logit of an anomaly, -most..most, mean of the scales.

    As much as a deviation is above 0, but bounded: it may tip the scales, it must not outshout the segmentation, whose
    map is finer.
    """
    if most == 0:
        return torch.zeros_like(novelty[:, :1])
    return most * torch.tanh(novelty.float() / most).mean(dim=1, keepdim=True)
