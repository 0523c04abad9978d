"""torch.compile beside the ways of forward that the engines use: milliseconds per image, differences, time to build.

    python tests/benchmarks/torch_compile.py MODEL_DIR [--threads 1] [--device cpu] [--rounds 20]

Every way takes its turn in each round, with the same images of noise: wall time, medians. Each batch size has a graph
of its own. On a CPU OpenVINO stands beside it, as the engine runs it. A difference is the largest of any pixel to eager
PyTorch's map; all compute in fp32. TORCHINDUCTOR_FREEZING=1 makes the weights constants of what is compiled.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from line_inspector.inference import openvino_export
from line_inspector.inference.cuda import exact_float32
from line_inspector.inference.folding import fold_batch_norm
from line_inspector.inference.graph import capture
from line_inspector.inference.model_directory import read_model_directory

BATCH_SIZES = (1, 4)
Way = Callable[[Tensor], Tensor]  # uint8 RGB (B, 3, S, S) -> maps (B, S, S)


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    exact_float32()
    print("| batch | way | ms per image | of eager's | difference | built in |\n|" + " --- |" * 6)
    for batch_size in BATCH_SIZES:
        ways = built(arguments.model_dir, arguments.device, arguments.threads)
        size_px = read_model_directory(arguments.model_dir)[0].architecture.image_size_px
        images = torch.randint(0, 256, (batch_size, 3, size_px, size_px), dtype=torch.uint8, device=arguments.device)
        report(ways, images, arguments.rounds)


def built(model_dir: Path, device: str, threads: int) -> dict[str, Way]:
    """Each is made when it is first called."""
    torch.compiler.reset()
    model = fold_batch_norm(read_model_directory(model_dir)[0]).to(device, memory_format=torch.channels_last)

    def eager(pixels: Tensor) -> Tensor:
        return model.anomaly_map(model.normalise(pixels).contiguous(memory_format=torch.channels_last))

    ways: dict[str, Way] = {"eager": eager}
    for mode in ("default", "max-autotune-no-cudagraphs") if device == "cpu" else ("default", "reduce-overhead"):
        ways[f"torch.compile, {mode}"] = torch.compile(eager, mode=mode, dynamic=False)
    if device == "cpu":
        forward = cache(partial(openvino_forward, model_dir, threads))
        ways["OpenVINO, one image after the other"] = lambda images: on_openvino(forward(), images)
    return ways


def openvino_forward(model_dir: Path, threads: int) -> openvino_export.Forward:
    with tempfile.TemporaryDirectory() as folder:
        openvino_export.write(capture(read_model_directory(model_dir)[0]), Path(folder))
        files = {name: Path(folder, name).read_bytes() for name in openvino_export.FILES}
    return openvino_export.load(files, threads)


def on_openvino(forward: openvino_export.Forward, images: Tensor) -> Tensor:
    return torch.cat([forward(image[None].numpy()) for image in images])


def report(ways: dict[str, Way], images: Tensor, rounds: int) -> None:
    built_s = {name: took_s(way, images) for name, way in ways.items()}
    maps = {name: way(images).clone() for name, way in ways.items()}
    turns = [{name: took_s(way, images) for name, way in ways.items()} for _ in range(rounds)]
    for name in ways:
        ms = median(turn[name] for turn in turns) * 1e3 / len(images)
        ratio = median(turn[name] / turn["eager"] for turn in turns)
        difference = (maps[name] - maps["eager"]).abs().max().item()
        print(
            f"| {len(images)} | {name} | {ms:.1f} | {ratio:.2f} | {difference:.1e} | {built_s[name]:.0f} s |",
            flush=True,
        )


def took_s(way: Way, images: Tensor) -> float:
    began_s = time.perf_counter()
    way(images)
    if images.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main()
