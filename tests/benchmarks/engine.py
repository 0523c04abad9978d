"""What the CPU engines cost: the bare teacher, then the whole of ADPS part by part, on torch and on OpenVINO.

    python tests/benchmarks/engine.py [MODEL_DIR] [--rounds 30] [--threads N] [--json FILE]

Every row holds the way up to that part; what a part costs is the difference from the row before. All rows of both
runtimes take turns, round after round. On a machine that others use, too, only CPU time means something, so that is
what is counted; with one thread it is the time on an idle core. Without MODEL_DIR the weights are random. The bar is a
whole forward of at most 2.5 times the bare teacher.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from statistics import median

import numpy as np
import openvino
import torch
from torch import Tensor, nn
from torch.export import Dim

from line_inspector.inference.folding import fold_batch_norm
from line_inspector.inference.model_directory import read_model_directory
from line_inspector.inference.openvino_export import settings
from line_inspector.model.adps import ADPS, gaussian_blur
from line_inspector.model.architecture import Architecture

BATCH_SIZES = (1, 4)
BAR = 2.5
SHALLOW = "teacher to stride 16"
BARE = "teacher"  # to the deepest stage that is used

Step = Callable[[np.ndarray], object]


class Parts:
    """ADPS, part by part."""

    def __init__(self, model: ADPS) -> None:
        self.model = model
        ours = () if model.novelty is None else ("novelty", "likeness")
        every = (SHALLOW, BARE, "student", "novelty", "comparison", "segmentation", "likeness", "whole")
        self.names = tuple(name for name in every if name in ours or name not in ("novelty", "likeness"))

    def outputs(self, pixels: Tensor) -> Iterator[tuple[str, list[Tensor]]]:
        """uint8 RGB (B, 3, S, S) -> what is there after each part; nothing beyond what is asked for is computed."""
        model = self.model
        assert model.segmentation is not None
        images = model.normalise(pixels)
        stages = model.teacher(images)
        yield SHALLOW, stages[: len(model.architecture.strides)]
        yield BARE, stages
        student = model.student(images)
        yield "student", [*stages, *student]
        novelty = None if model.novelty is None else model.novelty(stages)
        unusual = [] if novelty is None else [novelty]
        if unusual:
            yield "novelty", [*stages, *student, *unusual]
        seen = model.compare(stages, student, novelty)
        yield "comparison", [*seen, *unusual]
        logits = model.segmentation(seen, (images.shape[-2], images.shape[-1]))
        yield "segmentation", [logits, *unusual]
        anomaly = model.weigh(logits, novelty, stages)
        if unusual:
            yield "likeness", [anomaly]
        maps = gaussian_blur(anomaly.sigmoid(), model.architecture.sigma_px)[:, 0]
        yield "whole", [maps, maps.amax((1, 2))]

    def shallow(self, pixels: Tensor) -> list[Tensor]:
        """The teacher's network without the stage that only the context uses: the student's, on the whole image."""
        return list(self.model.student.backbone(self.model.normalise(pixels)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file for every figure")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = read_model_directory(arguments.model_dir)[0] if arguments.model_dir else random_model()
    parts = Parts(fold_batch_norm(model).to(memory_format=torch.channels_last))
    print(f"torch {torch.__version__}, OpenVINO {openvino.__version__}, {arguments.threads} threads, fp32", flush=True)
    runtimes = {"torch": on_torch(parts), "openvino": on_openvino(openvino_graphs(parts), arguments.threads)}
    figures = {}
    for batch_size in BATCH_SIZES:
        size_px = model.architecture.image_size_px
        pixels = np.random.default_rng(0).integers(0, 256, (batch_size, 3, size_px, size_px), dtype=np.uint8)
        measured = in_turns(runtimes, pixels, arguments.rounds)
        figures[batch_size] = measured
        report(batch_size, measured)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def random_model() -> ADPS:
    """Batch norms are made not to be the identity."""
    model = ADPS(Architecture())
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval().requires_grad_(False)


def on_torch(parts: Parts) -> dict[str, Step]:
    def up_to(last: str) -> Step:
        def run(pixels: np.ndarray) -> object:
            frames = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode():
                return parts.shallow(frames) if last == SHALLOW else dict(until(last, parts.outputs(frames)))

        return run

    return {name: up_to(name) for name in parts.names}


def until(last: str, outputs: Iterator[tuple[str, list[Tensor]]]) -> Iterator[tuple[str, list[Tensor]]]:
    for part, tensors in outputs:
        yield part, tensors
        if part == last:
            return


def openvino_graphs(parts: Parts) -> dict[str, openvino.Model]:
    """One graph with every output is translated, and cut off after each part."""
    size_px = parts.model.architecture.image_size_px
    example = torch.zeros(2, 3, size_px, size_px, dtype=torch.uint8)
    outputs: dict[str, list[str]] = {}
    flat = Flat(parts, outputs)
    with torch.no_grad():
        flat(example)
        program = torch.export.export(flat.eval(), (example,), dynamic_shapes=({0: Dim("batch")},))
        names = list(dict.fromkeys(name for group in outputs.values() for name in group))
        translated = torch.onnx.export(program, input_names=["frames"], output_names=names, dynamo=True, verbose=False)
    graph = openvino.Core().read_model(BytesIO(translated.model_proto.SerializeToString()))
    made = {
        name: result.input(0).get_source_output() for result in graph.get_results() for name in result.output(0).names
    }
    return {
        part: openvino.Model([made[name] for name in group], graph.get_parameters(), part)
        for part, group in outputs.items()
    }


def on_openvino(graphs: dict[str, openvino.Model], threads: int) -> dict[str, Step]:
    """As the engine has it: one image after the other, so that all shapes are known."""
    steps: dict[str, Step] = {}
    for part, graph in graphs.items():
        graph.reshape([1, *graph.input().get_partial_shape()[1:]])
        request = openvino.Core().compile_model(graph, "CPU", settings(threads)).create_infer_request()
        steps[part] = lambda pixels, request=request: [
            request.infer([image[None]], share_inputs=True, share_outputs=True) for image in pixels
        ]
    return steps


class Flat(nn.Module):
    """The parts' outputs as one tuple, no tensor twice; notes which output belongs to which part."""

    def __init__(self, parts: Parts, outputs: dict[str, list[str]]) -> None:
        super().__init__()
        self.model, self.parts, self.outputs = parts.model, parts, outputs

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """uint8 RGB (B, 3, S, S) -> every tensor that any part gives."""
        unique: dict[int, tuple[str, Tensor]] = {}
        for part, tensors in self.parts.outputs(pixels):
            for tensor in tensors:
                unique.setdefault(id(tensor), (f"out{len(unique)}", tensor))
            self.outputs[part] = [unique[id(tensor)][0] for tensor in tensors]
        return tuple(tensor for _, tensor in unique.values())


def in_turns(
    runtimes: dict[str, dict[str, Step]], pixels: np.ndarray, rounds: int
) -> dict[str, dict[str, list[float]]]:
    """CPU milliseconds per image of each runtime and part, one figure for each round."""
    times: dict[str, dict[str, list[float]]] = {
        runtime: {name: [] for name in steps} for runtime, steps in runtimes.items()
    }
    for number in range(rounds + 2):
        for runtime, steps in runtimes.items():
            for name, step in steps.items():
                started_ns = time.process_time_ns()
                step(pixels)
                spent_ms = (time.process_time_ns() - started_ns) / 1e6 / len(pixels)
                if number >= 2:  # the first ones choose kernels
                    times[runtime][name].append(spent_ms)
    return times


def report(batch_size: int, times: dict[str, dict[str, list[float]]]) -> None:
    for runtime, parts in times.items():
        of = {name: median(each) for name, each in parts.items()}
        print(f"\n{runtime}, batch {batch_size}: CPU ms per image, median of {len(parts[BARE])} rounds")
        before = 0.0
        for name in (each for each in parts if each != SHALLOW):
            added = of[name] - before
            print(f"  up to {name:14s} {of[name]:7.2f}   this part {added:6.2f}, {added / of['whole']:4.0%}")
            before = of[name]
        deep, shallow = of["whole"] / of[BARE], of["whole"] / of[SHALLOW]
        print(f"  teacher to stride 16 alone: {of[SHALLOW]:.2f}")
        print(f"  whole over teacher: {deep:.2f} (to its deepest stage), {shallow:.2f} (to stride 16); bar {BAR}")


if __name__ == "__main__":
    main()
