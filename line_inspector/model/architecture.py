"""What shapes a model, as plain data: written into its manifest, read by the command line without loading torch."""

import math
from dataclasses import dataclass, replace
from typing import Literal

LITE0 = "efficientnet_lite0"
MOST_CENTRES = 65_536
MOST_WIDTH = 4096


@dataclass(frozen=True)
class Architecture:
    """Everything that shapes the model's state and its answer; saved with it.

    What the paper leaves open and we chose: `normalisation` of the input, by the mean and deviation that belong to the
    backbone's own weights, or by ImageNet's whatever the backbone; `strides`, `segmentation_widths` (one per up-block,
    deepest first; more than there are stages to join mean learned up-sampling beyond stride 4, the rest is bilinear)
    and `sigma_px`, the Gaussian's width in pixels of the model's image.

    What we added: `context_stride`, that of one deeper stage, which only the teacher has and from which the
    segmentation knows what a place lies in; `prototypes` per stage, from which the weight mask block measures the
    teacher's features (prototypes.py); as many centres for each scale of `novelty` (novelty.py), which is also added to
    the map's logits, at most `novelty_logits`; the map is shared among places that look alike as `likeness` says, the
    softness of likeness.py, which needs the novelty. 0 of each is the paper's model, which has no such stage and takes
    the features themselves.

    What the paper ablates, its own choice first: `comparison` is how teacher and student meet, by the weight mask
    block, by their raw difference, or by both side by side through a 1x1 convolution. `post_segmentation` off leaves
    the distance of their features alone to draw the map. `patches_per_side` 1 is the symmetric baseline. The first
    `whole_stages` stages of the student see the image whole, and their feature map is cut into patches instead of it.
    """

    backbone: str = LITE0
    strides: tuple[int, ...] = (4, 8, 16)
    image_size_px: int = 256
    patches_per_side: int = 8
    segmentation_widths: tuple[int, ...] = (96, 64, 32)
    sigma_px: float = 2.0
    context_stride: int = 32
    prototypes: int = 512
    novelty: int = 2048
    novelty_logits: float = 3.0
    likeness: float = 0.6
    comparison: Literal["weight-mask", "difference", "concatenation"] = "weight-mask"
    post_segmentation: bool = True
    whole_stages: int = 0
    normalisation: Literal["backbone", "imagenet"] = "backbone"

    def __post_init__(self) -> None:
        if not self.strides or list(self.strides) != sorted(2**n for n in range(1, 8) if 2**n in self.strides):
            raise ValueError(f"strides must be rising powers of two, got {self.strides}")
        if self.patches_per_side < 1 or self.image_size_px % (self.patches_per_side * self.strides[-1]):
            raise ValueError(
                f"image_size_px {self.image_size_px} must be a multiple of patches_per_side x the deepest stride, "
                f"{self.patches_per_side} x {self.strides[-1]}"
            )
        if not 1 <= self.image_size_px <= 8192:
            raise ValueError(f"image_size_px must lie in 1..8192, got {self.image_size_px}")
        if self.context_stride and self.context_stride not in (2**n for n in range(1, 8) if 2**n > self.strides[-1]):
            raise ValueError(f"context_stride must be a power of two beyond the last stride, got {self.context_stride}")
        if self.context_stride and self.image_size_px % self.context_stride:
            raise ValueError(
                f"image_size_px {self.image_size_px} must be a multiple of context_stride, {self.context_stride}"
            )
        if not 0 <= self.whole_stages < len(self.strides):
            raise ValueError(f"whole_stages must leave one of {len(self.strides)} stages, got {self.whole_stages}")
        if not 0 <= min(self.prototypes, self.novelty) <= max(self.prototypes, self.novelty) <= MOST_CENTRES:
            raise ValueError(
                f"prototypes and novelty must lie in 0..{MOST_CENTRES}, got {self.prototypes} and {self.novelty}"
            )
        if not 0 <= self.novelty_logits <= 100:
            raise ValueError(f"novelty_logits must lie in 0..100, got {self.novelty_logits}")
        if not 0 <= self.likeness <= 100:
            raise ValueError(f"likeness must lie in 0..100, got {self.likeness}")
        if not 0 <= self.sigma_px <= self.image_size_px:
            raise ValueError(f"sigma_px must lie in 0..image_size_px, got {self.sigma_px}")
        self._require_widths()

    def _require_widths(self) -> None:
        """One up-block for each stage but the deepest, each twice as large as the one before, none above the image."""
        widths, strides = self.segmentation_widths, self.teacher_strides
        if not all(1 <= width <= MOST_WIDTH for width in widths):
            raise ValueError(f"segmentation_widths must lie in 1..{MOST_WIDTH}, got {widths}")
        least, most = len(strides) - 1, int(math.log2(strides[-1]))
        if self.post_segmentation and not least <= len(widths) <= most:
            raise ValueError(f"segmentation_widths must be {least} to {most} for strides {strides}, got {widths}")

    def without_context(self) -> "Architecture":
        """The same without the stage that only the teacher has, and without its up-block."""
        return replace(self, context_stride=0, segmentation_widths=self.segmentation_widths[1:])

    @property
    def teacher_strides(self) -> tuple[int, ...]:
        """Those of the teacher's stages, shallow to deep: the student's, and the context's where anything uses it."""
        return (*self.strides, self.context_stride) if self.context_stride and self.post_segmentation else self.strides
