"""OpenVINO: the graph in its own format, and the way forward on the CPU that it compiles from it."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from line_inspector.extras import import_extra
from line_inspector.inference.onnx_export import CONVERTERS, onnx_bytes
from line_inspector.inference.signed_directory import sync
from line_inspector.inference.torch_engine import Forward

GRAPH = "model.xml"
WEIGHTS = "model.bin"
FILES = (GRAPH, WEIGHTS)
PACKAGES = (*CONVERTERS, "openvino")


def write(program: ExportedProgram, folder: Path) -> None:
    """Write model.xml and model.bin into `folder`, weights in fp32.

    By way of ONNX, and not with `openvino.convert_model`, which reports every use to its maker over the internet.
    """
    openvino = import_extra("openvino", "openvino")
    model = openvino.Core().read_model(BytesIO(onnx_bytes(program, "openvino")))
    openvino.save_model(model, folder / GRAPH, compress_to_fp16=False)
    for name in FILES:
        sync(folder / name)


def load(files: Mapping[str, bytes], threads: int) -> Forward:
    """The way from pixels to maps on `threads` CPU threads, in fp32, one image after the other.

    A graph whose shapes are all known takes a tenth less time than one for any batch, and on one or two threads a batch
    of any size gains less than that (docs/benchmarks.md).
    """
    openvino = import_extra("openvino", "openvino")
    core = openvino.Core()
    graph = core.read_model(files[GRAPH], files[WEIGHTS])
    graph.reshape([1, *graph.input().get_partial_shape()[1:]])
    compiled = core.compile_model(graph, "CPU", settings(threads))

    def forward(pixels: NDArray[np.uint8]) -> torch.Tensor:
        maps = [compiled([image[None]])[0] for image in pixels]
        return torch.from_numpy(maps[0] if len(maps) == 1 else np.concatenate(maps))

    return forward


def settings(threads: int) -> dict[str, object]:
    """How OpenVINO is to compile: one image at a time, in fp32, on `threads` threads that the kernel may move.

    Left to itself it computes in bf16 where the processor can, which moves scores by several hundredths.
    """
    return {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_HYPER_THREADING": True,  # or `threads` would silently be cut to the number of whole cores
        "ENABLE_CPU_PINNING": False,  # the worker's own affinity counts, which inference.pin sets
    }
