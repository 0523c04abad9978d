"""How teacher and student meet: the weight mask block of ADPS, and what its paper compares it with.

Each takes (B, C, h, w) of the teacher and of the student, and gives the post-segmentation as many channels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from line_inspector.model.architecture import Architecture
from line_inspector.model.prototypes import Prototypes


def cosine_map(teacher: Tensor, student: Tensor) -> Tensor:
    """Cosine similarity over channels: (B, C, h, w) twice -> (B, 1, h, w), -1..1."""
    return F.cosine_similarity(teacher.float(), student.float(), dim=1).unsqueeze(1)


class WeightMask(nn.Module):
    """C = (1 - cos(T, S)) * T at every location: where the student agrees, the teacher's features are masked out.

    No parameters; the teacher's features are not normalised. With prototypes (ours), their deviation is masked instead.
    """

    def __init__(self, channels: int, prototypes: int) -> None:
        super().__init__()
        self.prototypes = Prototypes(prototypes, channels) if prototypes else None

    def forward(self, teacher: Tensor, student: Tensor) -> Tensor:
        """See the module."""
        shown = teacher if self.prototypes is None else self.prototypes(teacher)
        return (1.0 - cosine_map(teacher, student)) * shown


class Difference(nn.Module):
    """C = T - S."""

    def forward(self, teacher: Tensor, student: Tensor) -> Tensor:
        """See the module."""
        return teacher - student


class Concatenation(nn.Module):
    """C = ReLU(BN(1x1 convolution of T beside S))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(2 * channels, channels, kernel_size=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, teacher: Tensor, student: Tensor) -> Tensor:
        """See the module."""
        mixed: Tensor = self.mix(torch.cat([teacher, student], dim=1))
        return mixed


def build_comparison(architecture: Architecture, channels: int) -> nn.Module:
    """The comparison of one stage that the architecture names."""
    match architecture.comparison:
        case "weight-mask":
            return WeightMask(channels, architecture.prototypes)
        case "difference":
            return Difference()
        case "concatenation":
            return Concatenation(channels)


def build_context(architecture: Architecture, channels: int) -> nn.Module:
    """What the segmentation sees of a stage that only the teacher has: nothing masks it."""
    return Prototypes(architecture.prototypes, channels) if architecture.prototypes else nn.Identity()


def distance_logits(teacher: list[Tensor], student: list[Tensor], size: tuple[int, int]) -> Tensor:
    """Two-class logits (B, 2, *size) without any segmentation: the softmax's class 1 is the features' mean distance.

    The distance of a stage is (1 - cos) / 2, 0..1, brought to `size` bilinearly.
    """
    distances = [
        F.interpolate((1.0 - cosine_map(t, s)) / 2.0, size=size, mode="bilinear", align_corners=False)
        for t, s in zip(teacher, student, strict=True)
    ]
    mean = torch.stack(distances).mean(dim=0).clamp(1e-6, 1.0 - 1e-6)
    return torch.cat([(1.0 - mean).log(), mean.log()], dim=1)
