"""The way forward on an NVIDIA GPU: page-locked staging memory, a stream of its own, asynchronous copies."""

import numpy as np
import torch
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.inference.folding import fold_batch_norm
from line_inspector.inference.torch_engine import Forward
from line_inspector.model.adps import ADPS


def exact_float32() -> None:
    """Without TF32, whose rounding would move scores away from the threshold that was set for them."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def cuda_forward(model: ADPS, max_batch_size: int) -> Forward:
    """Move `model` to the GPU and return its way from pixels to maps, in fp32 without TF32, so that scores agree.

    A batch larger than `max_batch_size` is run in parts. Raises InputError where torch sees no usable GPU.
    """
    if not torch.cuda.is_available():
        raise InputError(
            "no CUDA device that torch can use", "device cuda", "Set the device to cpu, or install the driver."
        )
    model = fold_batch_norm(model.cuda()).to(memory_format=torch.channels_last)
    exact_float32()
    size_px = model.architecture.image_size_px
    staging = torch.empty((max_batch_size, 3, size_px, size_px), dtype=torch.uint8, pin_memory=True)
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's own annotation is missing

    def run_part(part: NDArray[np.uint8]) -> torch.Tensor:
        held = staging[: len(part)]
        held.copy_(torch.from_numpy(part))
        images = model.normalise(held.to("cuda", non_blocking=True))
        maps = model.anomaly_map(images.contiguous(memory_format=torch.channels_last))
        stream.synchronize()  # the staging memory is filled again by the next part
        return maps

    def forward(pixels: NDArray[np.uint8]) -> torch.Tensor:
        with torch.cuda.stream(stream):
            parts = [run_part(pixels[i : i + max_batch_size]) for i in range(0, len(pixels), max_batch_size)]
            maps = torch.cat(parts)
            stream.synchronize()  # the caller reads the maps on another stream
            return maps

    return forward
