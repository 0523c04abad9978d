"""Half precision: what may be rounded is, what good parts have set is not, and what answers otherwise stays out."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from cpu_lanes import InlineLanes

from line_inspector.inference.device_network import Precision, device_network
from line_inspector.inference.half_precision import is_close
from line_inspector.inference.model_directory import read_golden, read_model_directory
from line_inspector.inference.pipelined_engine import PipelinedEngine
from line_inspector.model.adps import ADPS

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory, write_tiny_model: Callable[..., Path]) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("half") / "model")


def build(model_dir: Path, precision: Precision, spoil: Callable[[ADPS], None] | None = None) -> PipelinedEngine:
    model, manifest = read_model_directory(model_dir)
    if spoil:
        spoil(model)
    return PipelinedEngine(device_network(model, CPU, precision), manifest, InlineLanes(), max_batch_size=1)


@pytest.fixture(scope="module")
def exact(model_dir: Path) -> PipelinedEngine:
    return build(model_dir, "fp32")


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_it_rounds_but_answers_nearly_the_same(model_dir: Path, exact: PipelinedEngine, precision: Precision) -> None:
    frames = [frame for frame, _ in read_golden(model_dir)]
    half = build(model_dir, precision)
    differences = [
        np.abs(found - expected).max()
        for found, expected in zip(half.anomaly_maps(frames), exact.anomaly_maps(frames), strict=True)
    ]
    assert max(differences) > 1e-6, "nothing was rounded: it did not run in half precision"
    assert max(differences) < 0.1
    assert all(each.dtype == np.float32 for each in half.anomaly_maps(frames))


def test_what_good_parts_have_measured_stays_float32(build_tiny_model: Callable[..., ADPS]) -> None:
    model = build_tiny_model()
    device_network(model, CPU, "bf16")
    assert model.novelty is not None
    assert {buffer.dtype for buffer in model.novelty.buffers()} <= {torch.float32, torch.int64}
    assert model.mean.dtype == torch.float32


def test_an_engine_is_close_to_itself(model_dir: Path, exact: PipelinedEngine) -> None:
    assert is_close(exact, exact, [frame for frame, _ in read_golden(model_dir)])


def lean(model: ADPS) -> None:
    assert model.segmentation is not None
    model.segmentation.head.bias.data += torch.tensor([0.0, 0.5])


def say_nothing(model: ADPS) -> None:
    assert model.segmentation is not None
    model.segmentation.head.bias.data.fill_(torch.nan)


@pytest.mark.parametrize("spoil", [lean, say_nothing])
def test_one_that_answers_otherwise_stays_out_and_the_log_says_so(
    model_dir: Path, exact: PipelinedEngine, spoil: Callable[[ADPS], None], caplog: pytest.LogCaptureFixture
) -> None:
    golden = [frame for frame, _ in read_golden(model_dir)]
    with caplog.at_level(logging.WARNING):
        assert not is_close(build(model_dir, "bf16", spoil), exact, golden)
    assert "runs in fp32" in caplog.text
