"""Post-segmentation module of ADPS: the masked teacher features, deepest first, to two-class logits."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from line_inspector.model.upsampling import upsample


class UpBlock(nn.Module):
    """Double the size, join the skip, then twice [3x3 convolution, batch norm, ReLU]."""

    def __init__(self, channels: int, skip_channels: int, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(channels, width, kernel_size=2, stride=2)
        self.convs = nn.Sequential(*_conv_bn_relu(width + skip_channels, width), *_conv_bn_relu(width, width))

    def forward(self, deep: Tensor, skip: Tensor | None) -> Tensor:
        """(B, channels, h, w) and (B, skip_channels, 2h, 2w) or None -> (B, width, 2h, 2w)."""
        up = self.up(deep)
        joined: Tensor = self.convs(up if skip is None else torch.cat([up, skip], dim=1))
        return joined


class PostSegmentation(nn.Module):
    """U-Net decoder over the stages, shallow to deep, `channels` each; the shallowest has stride `stride`.

    `widths` are those of the up-blocks, deepest first: one per skip, and further ones for learned up-sampling beyond
    the shallowest stage. What size is then missing to the input's is made up bilinearly, on the two logits.
    """

    def __init__(self, channels: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        if len(widths) < len(channels) - 1:
            raise ValueError(f"{len(channels)} stages need at least {len(channels) - 1} widths, got {len(widths)}")
        skips = [*reversed(channels[:-1])] + [0] * (len(widths) - len(channels) + 1)
        inputs = [channels[-1], *widths]
        self.blocks = nn.ModuleList(
            UpBlock(deep, skip, width) for deep, skip, width in zip(inputs, skips, widths, strict=False)
        )
        self.head = nn.Conv2d(inputs[len(widths)], 2, kernel_size=3, padding=1)

    def forward(self, masked: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Masked features, shallow to deep -> logits (B, 2, *size)."""
        x = masked[-1]
        skips: list[Tensor | None] = [*reversed(masked[:-1])]
        for index, block in enumerate(self.blocks):
            x = block(x, skips[index] if index < len(skips) else None)
        return upsample(self.head(x), size)


def _conv_bn_relu(channels: int, width: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    ]
