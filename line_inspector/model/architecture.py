"""What shapes a model, as plain data: written into its manifest, read by the command line without loading torch."""

from dataclasses import dataclass

LITE0 = "efficientnet_lite0"


@dataclass(frozen=True)
class Architecture:
    """Everything that shapes the model's state and its answer; saved with it.

    What the paper leaves open and we chose: `strides`, `segmentation_widths` (one per up-block, deepest first; more
    than two mean learned up-sampling beyond stride 4, the rest is bilinear) and `sigma_px`, the Gaussian's width in
    pixels of the model's image.
    """

    backbone: str = LITE0
    strides: tuple[int, ...] = (4, 8, 16)
    image_size_px: int = 256
    patches_per_side: int = 8
    segmentation_widths: tuple[int, ...] = (64, 32)
    sigma_px: float = 2.0

    def __post_init__(self) -> None:
        if not self.strides or list(self.strides) != sorted(2**n for n in range(1, 8) if 2**n in self.strides):
            raise ValueError(f"strides must be rising powers of two, got {self.strides}")
        if self.patches_per_side < 1 or self.image_size_px % (self.patches_per_side * self.strides[-1]):
            raise ValueError(
                f"image_size_px {self.image_size_px} must be a multiple of patches_per_side x the deepest stride, "
                f"{self.patches_per_side} x {self.strides[-1]}"
            )
        if self.image_size_px < 1:
            raise ValueError(f"image_size_px must be positive, got {self.image_size_px}")
        if not 0 <= self.sigma_px <= self.image_size_px:
            raise ValueError(f"sigma_px must lie in 0..image_size_px, got {self.sigma_px}")
