"""Speed of the CPU engines: ways forward measured side by side, so that the ratios hold on a busy machine.

    python tests/benchmarks/engine.py [--rounds 15] [--threads N]

Prints milliseconds per image (median, and the least) by batch size, each way's speed against plain torch, and the
largest difference of its anomaly maps from plain torch's; then the whole engine, resize of a camera frame included.
"""

import argparse
import copy
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from line_inspector.inference import openvino_export
from line_inspector.inference.cpu import cpu_forward
from line_inspector.inference.folding import fold_batch_norm
from line_inspector.inference.graph import capture
from line_inspector.inference.preprocess import to_model_input
from line_inspector.model.adps import ADPS
from line_inspector.model.architecture import Architecture

BATCH_SIZES = (1, 4, 8)
FRAME_SHAPE = (1024, 1280)

Forward = Callable[[np.ndarray], torch.Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, efficientnet_lite0 at 256 px, fp32")
    ways = build_ways()
    for batch_size in BATCH_SIZES:
        pixels = np.random.default_rng(0).integers(0, 256, (batch_size, 3, 256, 256), dtype=np.uint8)
        report(batch_size, ways, pixels, arguments.rounds)
    report_frame(ways["as the engine does"], arguments.rounds)


def build_ways() -> dict[str, Forward]:
    """The same weights in every way; batch norms are made not to be the identity."""
    model = ADPS(Architecture())
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.3, 0.3)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    model = model.eval().requires_grad_(False)
    return {
        "plain torch": plain(model, torch.contiguous_format),
        "channels last": plain(copy.deepcopy(model), torch.channels_last),
        "folded": plain(fold_batch_norm(model), torch.contiguous_format),
        "as the engine does": cpu_forward(copy.deepcopy(model)),
        "OpenVINO's engine": openvino(model),
    }


def openvino(model: ADPS) -> Forward:
    with tempfile.TemporaryDirectory() as folder:
        openvino_export.write(capture(model), Path(folder))
        content = {name: (Path(folder) / name).read_bytes() for name in openvino_export.FILES}
    return openvino_export.load(content, torch.get_num_threads())


def plain(model: ADPS, memory_format: torch.memory_format) -> Forward:
    model = model.to(memory_format=memory_format)

    def forward(pixels: np.ndarray) -> torch.Tensor:
        images = model.normalise(torch.from_numpy(pixels)).contiguous(memory_format=memory_format)
        return model.anomaly_map(images)

    return forward


def report(batch_size: int, ways: dict[str, Forward], pixels: np.ndarray, rounds: int) -> None:
    """Run the ways in turn, round after round."""
    times_ms: dict[str, list[float]] = {name: [] for name in ways}
    with torch.inference_mode():
        reference = ways["plain torch"](pixels)
        differences = {name: float((way(pixels) - reference).abs().max()) for name, way in ways.items()}
        for _ in range(rounds):
            for name, way in ways.items():
                started_s = time.perf_counter()
                way(pixels)
                times_ms[name].append((time.perf_counter() - started_s) * 1e3 / batch_size)
    print(f"\nbatch {batch_size}")
    base = median(times_ms["plain torch"])
    for name, times in times_ms.items():
        speed = base / median(times)
        print(
            f"  {name:20s} {median(times):6.1f} ms per image, least {min(times):6.1f}, speed x {speed:.2f}, "
            f"differs by {differences[name]:.1e}"
        )


def report_frame(way: Forward, rounds: int) -> None:
    """One camera frame from memory to map, and the share of it that is the resize."""
    frame = np.random.default_rng(0).integers(0, 256, FRAME_SHAPE, dtype=np.uint8)
    whole, resize = [], []
    with torch.inference_mode():
        for _ in range(rounds):
            started_s = time.perf_counter()
            pixels = to_model_input(frame, 256)[None]
            resize.append((time.perf_counter() - started_s) * 1e3)
            way(pixels)
            whole.append((time.perf_counter() - started_s) * 1e3)
    height, width = FRAME_SHAPE
    print(f"\na mono frame of {width} x {height}: {median(whole):.1f} ms, of which resizing {median(resize):.2f} ms")


if __name__ == "__main__":
    main()
