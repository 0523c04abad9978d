"""ADPS: asymmetric distillation, post-segmentation (Xing et al., IEEE TNNLS 2025, DOI 10.1109/TNNLS.2024.3390806)."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from line_inspector.model.architecture import Architecture as Architecture
from line_inspector.model.backbones import Backbone
from line_inspector.model.comparison import build_comparison, build_context, distance_logits
from line_inspector.model.novelty import Novelty, as_logits, beside, whole
from line_inspector.model.segmentation import PostSegmentation
from line_inspector.model.student import PatchStudent
from line_inspector.model.upsampling import upsample

# Mean and deviation of ImageNet's pixels, per RGB channel on a 0..1 scale.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Output(NamedTuple):
    """logits (B, 2, H, W); teacher and student per stage of `strides`, shallow to deep, (B, C, H / stride, W / stride).

    `novelty` (B, scales, h, w) of the same part of the image; None where the model has none.
    """

    logits: Tensor
    teacher: list[Tensor]
    student: list[Tensor]
    novelty: Tensor | None


class Windows(NamedTuple):
    """One square part of each image of a batch, in pixels of the model's image, all multiples of the patch's side."""

    corners_px: Sequence[tuple[int, int]]  # top and left, per image
    size_px: int

    def crop(self, maps: Tensor, image_size_px: int) -> Tensor:
        """Cut the windows out of the images, or of feature maps of them: (B, C, h, w) -> (B, C, size, size)."""
        scale = image_size_px // maps.shape[-1]
        size = self.size_px // scale
        cuts = [
            maps[index : index + 1, :, top // scale : top // scale + size, left // scale : left // scale + size]
            for index, (top, left) in enumerate(self.corners_px)
        ]
        return torch.cat(cuts)


class ADPS(nn.Module):
    """Teacher, patch student, weight mask block, post-segmentation. Built with random weights: no disk, no network.

    Raises ValueError for an architecture that its backbone cannot have.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.teacher = Backbone(architecture.backbone, architecture.teacher_strides).requires_grad_(False)
        student = Backbone(architecture.backbone, architecture.strides)
        patch_px = architecture.image_size_px // architecture.patches_per_side
        self.student = PatchStudent(student, patch_px, architecture.whole_stages)
        self.comparisons, self.context = nn.ModuleList(), nn.ModuleList()
        self.novelty: Novelty | None = None
        self.segmentation: PostSegmentation | None = None
        if architecture.post_segmentation:
            self.comparisons.extend(build_comparison(architecture, channels) for channels in student.channels)
            deeper = self.teacher.channels[len(student.channels) :]
            self.context.extend(build_context(architecture, channels) for channels in deeper)
            self.novelty = Novelty(architecture.novelty, self.teacher.channels) if architecture.novelty else None
            scales = 0 if self.novelty is None else len(self.novelty.scales)
            channels = [count + scales for count in self.teacher.channels]
            self.segmentation = PostSegmentation(channels, architecture.segmentation_widths)
        mean, std = IMAGENET if architecture.normalisation == "imagenet" else (self.teacher.mean, self.teacher.std)
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def train(self, mode: bool = True) -> "ADPS":
        """As nn.Module's, but the teacher is frozen: its batch norm never learns."""
        super().train(mode)
        self.teacher.eval()
        return self

    def novelty_sources(self) -> list[Tensor]:
        """Which training image each scale's centres were taken from: not part of the state, see novelty.py."""
        return [] if self.novelty is None else [scale.get_buffer("sources") for scale in self.novelty.scales]

    def normalise(self, frames: Tensor) -> Tensor:
        """uint8 RGB (B, 3, H, W) -> float, as the architecture's `normalisation` says."""
        return (frames.to(self.mean.dtype) / 255.0 - self.mean) / self.std

    def forward(
        self,
        images: Tensor,
        windows: Windows | None = None,
        sources: Tensor | None = None,
        *,
        stop_weight_gradient: bool = False,
    ) -> Output:
        """Normalised (B, 3, H, W) -> logits and both sides' features, of the windows only where some are given.

        The teacher sees the whole image in any case; windows spare the student and the segmentation the rest.
        `sources` (B,): which training images they are, see novelty.py. `stop_weight_gradient`: what the logits are
        told teaches the segmentation, and goes no further, through the weights W, to the student.
        """
        with torch.no_grad():
            stages: list[Tensor] = self.teacher(images)
        return self._answer(images, stages, windows, sources, stop_weight_gradient=stop_weight_gradient)

    def _answer(
        self,
        images: Tensor,
        teacher: list[Tensor],
        windows: Windows | None = None,
        sources: Tensor | None = None,
        *,
        stop_weight_gradient: bool = False,
    ) -> Output:
        with torch.no_grad():
            crop = whole if windows is None else partial(windows.crop, image_size_px=images.shape[-1])
            novelty = None if self.novelty is None else self.novelty(teacher, sources, crop)
        if windows is not None:
            teacher = [windows.crop(features, images.shape[-1]) for features in teacher]
            images = windows.crop(images, images.shape[-1])
        student: list[Tensor] = self.student(images)
        compared = [features.detach() for features in student] if stop_weight_gradient else student
        size = (images.shape[-2], images.shape[-1])
        if self.segmentation is None:
            return Output(distance_logits(teacher, compared, size), teacher, student, None)
        logits = self.segmentation(self.compare(teacher, compared, novelty), size)
        return Output(logits, teacher[: len(student)], student, novelty)

    def compare(self, teacher: list[Tensor], student: list[Tensor], novelty: Tensor | None) -> list[Tensor]:
        """What the segmentation sees of all stages of the teacher, shallow to deep, each with the novelty beside it."""
        deeper = teacher[len(student) :]
        compared = [c(t, s) for c, t, s in zip(self.comparisons, teacher, student, strict=False)]
        compared += [show(features) for show, features in zip(self.context, deeper, strict=True)]
        return compared if novelty is None else [beside(features, novelty) for features in compared]

    def anomaly_map(self, images: Tensor) -> Tensor:
        """Normalised (B, 3, H, W) -> (B, H, W), 0..1: probability of an anomaly, smoothed. Its maximum is the score.

        The segmentation has learned from forgeries, and the novelty knows none, so what each says counts by itself: the
        logit of an anomaly is the sum of both, shared among places that look alike.
        """
        with torch.no_grad():
            stages: list[Tensor] = self.teacher(images)
        logits, _, _, novelty = self._answer(images, stages)
        anomaly = self.weigh(logits, novelty, stages)
        return gaussian_blur(anomaly.sigmoid(), self.architecture.sigma_px)[:, 0]

    def weigh(self, logits: Tensor, novelty: Tensor | None, stages: list[Tensor]) -> Tensor:
        """What segmentation and novelty say together, (B, 1, H, W): the logit of an anomaly at each place."""
        anomaly = logits[:, 1:] - logits[:, :1]
        if self.novelty is None or novelty is None:
            return anomaly
        size = (logits.shape[-2], logits.shape[-1])
        anomaly = anomaly + as_logits(upsample(novelty, size), self.architecture.novelty_logits)
        return self.novelty.share(anomaly, stages, self.architecture.likeness)


def gaussian_blur(maps: Tensor, sigma_px: float) -> Tensor:
    """(B, 1, H, W) -> same, smoothed over 4 sigma to each side with the edge repeated; the range is kept."""
    radius = round(4 * sigma_px)
    if radius == 0:
        return maps
    offsets = torch.arange(-radius, radius + 1, device=maps.device, dtype=maps.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma_px) ** 2)
    kernel = kernel / kernel.sum()
    rows = F.conv2d(F.pad(maps, (0, 0, radius, radius), mode="replicate"), kernel.view(1, 1, -1, 1))
    return F.conv2d(F.pad(rows, (radius, radius, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
