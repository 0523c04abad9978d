"""The student: sees the image as square patches, each on its own (the asymmetric input of ADPS)."""

from functools import partial

from torch import Tensor, nn

from line_inspector.model.backbones import Backbone


def cut_patches(images: Tensor, patch_px: int) -> Tensor:
    """(B, C, H, W) -> (B * rows * columns, C, patch_px, patch_px), row by row. patch_px must divide H and W."""
    batch, channels, height, width = images.shape
    cells = _last(images).reshape(batch, height // patch_px, patch_px, width // patch_px, patch_px, channels)
    return _first(cells.permute(0, 1, 3, 2, 4, 5).reshape(-1, patch_px, patch_px, channels))


def join_patches(patches: Tensor, rows: int, columns: int) -> Tensor:
    """(B * rows * columns, C, h, w) -> (B, C, rows * h, columns * w): every patch back in its place."""
    _, channels, height, width = patches.shape
    cells = _last(patches).reshape(-1, rows, columns, height, width, channels)
    return _first(cells.permute(0, 1, 3, 2, 4, 5).reshape(-1, rows * height, columns * width, channels))


def _last(maps: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H, W, C): patches are moved in the layout that convolutions compute in."""
    return maps.permute(0, 2, 3, 1)


def _first(maps: Tensor) -> Tensor:
    return maps.permute(0, 3, 1, 2)


class PatchStudent(nn.Module):
    """A backbone run on every patch by itself. One patch as large as the image is the symmetric baseline, k = 1.

    With `whole_stages`, so many stages see the image whole, and the feature map of the last of them is cut instead.
    """

    def __init__(self, backbone: Backbone, patch_px: int, whole_stages: int = 0) -> None:
        super().__init__()
        self.backbone = backbone
        self.patch_px = patch_px
        self.whole_stages = whole_stages
        if whole_stages:
            stride = backbone.strides[whole_stages - 1]
            backbone.after_stage(whole_stages - 1, partial(cut_patches, patch_px=patch_px // stride))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> per stage (B, C, H / stride, W / stride), the teacher's shapes."""
        rows, columns = images.shape[-2] // self.patch_px, images.shape[-1] // self.patch_px
        seen = images if self.whole_stages else cut_patches(images, self.patch_px)
        return [
            features if stage < self.whole_stages - 1 else join_patches(features, rows, columns)
            for stage, features in enumerate(self.backbone(seen))
        ]
