"""One builder for every engine."""

import torch

from line_inspector.errors import InputError
from line_inspector.inference.cpu import cpu_forward
from line_inspector.inference.cuda import cuda_engine
from line_inspector.inference.device_network import Precision
from line_inspector.inference.engine import Engine
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.tiling import Tiling
from line_inspector.inference.torch_engine import TorchEngine
from line_inspector.model.adps import ADPS

DEVICES = ("auto", "cpu", "cuda")

# Two CPU cores are full with one image: a batch only makes its first frame wait for its last (docs/benchmarks.md).
MAX_BATCH_SIZE = {"cpu": 1, "cuda": 16}


def build_engine(
    model: ADPS,
    manifest: Manifest,
    device: str = "auto",
    *,
    precision: Precision = "fp32",
    max_batch_size: int | None = None,
    frame_shape: tuple[int, ...] | None = None,
    tiling: Tiling | None = None,
) -> Engine:
    """Build a warm engine around a model that it takes over: the caller must not use `model` any more.

    `auto` is the GPU where torch sees one, else the CPU. `frame_shape` is the shape of the camera's frames; without
    it, latencies hold for frames of the model's own size. `tiling` as TorchEngine's. `precision` is that of a GPU; the
    CPU computes in fp32. Raises InputError for `cuda` where
    there is none, and for any other device.
    """
    if device not in DEVICES:
        raise InputError(f"unknown device {device!r}", "device", f"Name one of {', '.join(DEVICES)}.")
    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    batch_size = max_batch_size or MAX_BATCH_SIZE["cuda" if on_gpu else "cpu"]
    if on_gpu:
        return cuda_engine(
            model, manifest, precision, max_batch_size=batch_size, frame_shape=frame_shape, tiling=tiling
        )
    return TorchEngine(cpu_forward(model), manifest, max_batch_size=batch_size, frame_shape=frame_shape, tiling=tiling)
