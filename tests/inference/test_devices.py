"""Naming a device: unknown ones and a missing GPU end in one clear line; the GPU's way gives the CPU's scores."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
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


@pytest.mark.skipif(not HAS_GPU, reason="no GPU that torch can use")
def test_the_gpu_scores_as_the_cpu_does(model_dir: Path, draw_frame: Callable[..., np.ndarray]) -> None:
    frames = [draw_frame(seed) for seed in range(5)]
    on_cpu = build_engine(*read_model_directory(model_dir), "cpu").infer(frames)
    on_gpu = build_engine(*read_model_directory(model_dir), "cuda", max_batch_size=2).infer(frames)
    for cpu, gpu in zip(on_cpu, on_gpu, strict=True):
        assert gpu.score == pytest.approx(cpu.score, abs=1e-4)
        assert np.abs(gpu.heat.astype(int) - cpu.heat.astype(int)).max() <= 1
