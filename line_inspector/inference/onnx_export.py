"""ONNX: one file for any runtime; checked with ONNX Runtime on the CPU."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from line_inspector.extras import import_extra
from line_inspector.inference.graph import INPUT, OUTPUT
from line_inspector.inference.signed_directory import write_file
from line_inspector.inference.torch_engine import Forward

GRAPH = "model.onnx"
FILES = (GRAPH,)
CONVERTERS = ("onnx", "onnxscript")
PACKAGES = (*CONVERTERS, "onnxruntime")


def onnx_bytes(program: ExportedProgram, extra: str) -> bytes:
    """Translate the graph to ONNX, weights inside. Raises InputError where the packages of `extra` are missing."""
    for package in CONVERTERS:
        import_extra(package, extra)
    logging.getLogger("onnxscript").setLevel(logging.ERROR)  # tells of every folded constant
    translated = torch.onnx.export(program, input_names=[INPUT], output_names=[OUTPUT], dynamo=True, verbose=False)
    assert translated is not None
    content: bytes = translated.model_proto.SerializeToString()
    return content


def write(program: ExportedProgram, folder: Path) -> None:
    """Write model.onnx into `folder`."""
    write_file(folder / GRAPH, onnx_bytes(program, "onnx"))


def load(files: Mapping[str, bytes], threads: int) -> Forward:
    """The way from pixels to maps through ONNX Runtime on the CPU."""
    runtime = import_extra("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(files[GRAPH], options, providers=["CPUExecutionProvider"])

    def forward(pixels: NDArray[np.uint8]) -> torch.Tensor:
        (maps,) = session.run([OUTPUT], {INPUT: pixels})
        return torch.from_numpy(maps)

    return forward
