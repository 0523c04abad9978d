"""Naming a device: unknown ones and a missing GPU end in one clear line."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from line_inspector.errors import InputError
from line_inspector.inference.build import build_engine
from line_inspector.inference.model_directory import read_model_directory

HAS_GPU = torch.cuda.is_available()


@pytest.fixture
def model_dir(tmp_path: Path, write_tiny_model: Callable[..., Path]) -> Path:
    return write_tiny_model(tmp_path / "model")


def test_an_unknown_device_is_refused(model_dir: Path) -> None:
    with pytest.raises(InputError, match="'tpu'"):
        build_engine(*read_model_directory(model_dir), "tpu")


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU")
def test_cuda_without_a_gpu_is_refused_and_auto_takes_the_cpu(model_dir: Path) -> None:
    with pytest.raises(InputError, match="CUDA"):
        build_engine(*read_model_directory(model_dir), "cuda")
    assert build_engine(*read_model_directory(model_dir), "auto").max_batch_size == 1
