"""What the device could do, measured, and how much of it the model reaches."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from line_inspector.bench.engine_table import CopyIn
from line_inspector.inference.cuda import exact_float32
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.model_directory import read_architecture
from line_inspector.inference.openvino_export import matrix_product
from line_inspector.model.cost import cost_of

MATRIX_SIDE = {"cpu": 1024, "cuda": 8192}
STREAM_BYTES = {"cpu": 2**27, "cuda": 2**31}
FEWEST, MOST_S = 5, 1.5


@dataclass(frozen=True)
class Roofline:
    """Rates are the best that were measured, in float32; the model's work is that of one frame, all its tiles.

    The matrix rate is that of the runtime that the engine uses: kernels of two runtimes differ by half and more.
    `bytes_per_image` are those that no cache can spare: the weights, the pixels, and the maps.
    `attainable_images_per_s` is what the tighter of both allows, `bound` says which; `fraction` is what the
    bare engine reaches at its best batch size, in units of that.
    """

    device: str
    runtime: str
    threads: int
    matrix_flops_per_s: float
    memory_bytes_per_s: float
    flops_per_image: int
    bytes_per_image: int
    bound: str
    attainable_images_per_s: float
    images_per_s: float
    fraction: float


def measure_roofline(
    device: str, runtime: str, manifest: Manifest, tiles: int, images_per_s: float, seconds: float
) -> Roofline:
    """Takes about so long. `tiles` are those that the model looks at in one frame, `images_per_s` the engine's best.

    `runtime` is the engine's.
    """
    cost = cost_of(read_architecture(manifest))
    pixels = tiles * manifest.preprocessing.size_px**2
    moved = 4 * cost.parameters + (3 + 4) * pixels  # bytes: 3 of a pixel, 4 of its map
    flops = 2 * cost.multiply_adds * tiles
    matrix, memory = _matrix_rate(device, runtime, seconds / 2), _memory_rate(device, seconds / 2)
    by_matrix, by_memory = matrix / flops, memory / moved
    attainable = min(by_matrix, by_memory)
    return Roofline(
        device=torch.cuda.get_device_name() if device == "cuda" else "CPU",
        runtime="OpenVINO" if runtime == "openvino" else "PyTorch",
        threads=torch.get_num_threads(),
        matrix_flops_per_s=matrix,
        memory_bytes_per_s=memory,
        flops_per_image=flops,
        bytes_per_image=moved,
        bound="matrix products" if by_matrix < by_memory else "memory",
        attainable_images_per_s=attainable,
        images_per_s=images_per_s,
        fraction=images_per_s / attainable,
    )


def copy_in(device: str, manifest: Manifest, tiles: int) -> CopyIn | None:
    """What it takes to copy the pixels of so many frames to the GPU; None on the CPU, which has them."""
    if device != "cuda":
        return None
    side_px = manifest.preprocessing.size_px

    def took_ns(frames: int) -> int:
        pixels = torch.empty((frames * tiles, 3, side_px, side_px), dtype=torch.uint8, pin_memory=True)
        return int(1e9 * _best_s(lambda: pixels.to("cuda", non_blocking=True), "cuda", 0.1))

    return took_ns


def _matrix_rate(device: str, runtime: str, seconds: float) -> float:
    exact_float32()
    side = MATRIX_SIDE[device]
    left, right = (torch.rand(side, side, device=device) for _ in range(2))
    if runtime == "openvino":
        multiply = matrix_product(left.numpy(), right.numpy(), torch.get_num_threads())
    else:
        multiply = partial(torch.mm, left, right, out=torch.empty_like(left))
    return float(2 * side**3 / _best_s(multiply, device, seconds))


def _memory_rate(device: str, seconds: float) -> float:
    """Bytes read and written by a copy."""
    source = torch.ones(STREAM_BYTES[device], dtype=torch.uint8, device=device)
    target = torch.zeros_like(source)
    return 2 * STREAM_BYTES[device] / _best_s(lambda: target.copy_(source), device, seconds)


def _best_s(work: Callable[[], object], device: str, seconds: float) -> float:
    best_s = float("inf")
    end_s = time.perf_counter() + min(seconds, MOST_S)
    done = 0
    while done < FEWEST or time.perf_counter() < end_s:
        began_s = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        best_s, done = min(best_s, time.perf_counter() - began_s), done + 1
    return best_s
