"""OpenVINO: the graph in its own format, and the way forward on the CPU that it compiles from it."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any

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
    """The way from pixels to maps on `threads` CPU threads, in fp32.

    A single image has a graph whose shapes are all known, which takes a tenth less time (docs/benchmarks.md). The one
    for any batch, as it was written, is compiled when the first batch of several comes.
    """
    openvino = import_extra("openvino", "openvino")

    def compiled(*, single: bool) -> Any:
        core = openvino.Core()
        graph = core.read_model(files[GRAPH], files[WEIGHTS])
        if single:
            graph.reshape([1, *graph.input().get_partial_shape()[1:]])
        return core.compile_model(graph, "CPU", settings(threads))

    one = compiled(single=True)
    several = cache(partial(compiled, single=False))

    def forward(pixels: NDArray[np.uint8]) -> torch.Tensor:
        way = one if len(pixels) == 1 else several()
        return torch.from_numpy(way([pixels])[0])

    return forward


def matrix_product(left: NDArray[np.float32], right: NDArray[np.float32], threads: int) -> Callable[[], object]:
    """What multiplies the two each time it is called, compiled as models are: `right` is a layer's weights."""
    openvino = import_extra("openvino", "openvino")
    features = openvino.opset13.parameter(left.shape, np.float32)
    product = openvino.Model([openvino.opset13.matmul(features, right, False, False)], [features])
    way = openvino.Core().compile_model(product, "CPU", settings(threads))
    return lambda: way([left], share_inputs=True, share_outputs=True)


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
