"""Answers that are no number, folding, the scale: what belongs to the engine around every way forward."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from exported import ExportedModel
from plain_engine import plain_maps

from line_inspector.inference import openvino_export
from line_inspector.inference.build import build_engine
from line_inspector.inference.engine import Engine, FrameFault
from line_inspector.inference.folding import fold_batch_norm
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.model_directory import (
    read_golden,
    read_manifest,
    read_model_directory,
    write_model_directory,
)
from line_inspector.inference.scale import LIMIT, ScoreScale
from line_inspector.inference.torch_engine import TorchEngine
from line_inspector.model.adps import ADPS
from line_inspector.part_record import Reason

CLOSE = 1e-5


@pytest.fixture
def model_dir(exported_model: ExportedModel) -> Path:
    return exported_model.model_dir


def test_a_model_whose_answer_is_no_number_gives_a_fault_never_a_score(model_dir: Path, frames: list) -> None:
    model, manifest = read_model_directory(model_dir)
    model.segmentation.head.bias.data.fill_(float("nan"))
    fault_without_a_score(build_engine(model, manifest, "cpu"), frames)


def test_so_does_an_export_whose_answer_is_no_number(exported_model: ExportedModel, frames: list) -> None:
    model, manifest = read_model_directory(exported_model.model_dir)
    bias = model.segmentation.head.bias.detach().numpy()
    content = {path.name: path.read_bytes() for path in exported_model.export.iterdir()}
    assert content["model.bin"].count(bias.tobytes()) == 1
    content["model.bin"] = content["model.bin"].replace(bias.tobytes(), np.full_like(bias, np.nan).tobytes())
    fault_without_a_score(TorchEngine(openvino_export.load(content, 1), manifest, max_batch_size=1), frames)


def fault_without_a_score(broken: Engine, frames: list) -> None:
    for answer in broken.infer(frames[:2]):
        assert isinstance(answer, FrameFault)
        assert answer.reason is Reason.BAD_SCORE


def test_heat_of_a_larger_map_keeps_its_brightest_pixel(build_tiny_model: Callable[..., ADPS], model_dir: Path) -> None:
    """A forward that marks one pixel: reduced to the heat map it must be as bright, in the cell above it."""

    def forward(pixels: np.ndarray) -> torch.Tensor:
        maps = torch.zeros(len(pixels), 256, 256)
        maps[:, 130, 67] = 1.0
        return maps

    engine = TorchEngine(forward, read_manifest(model_dir), max_batch_size=1)
    (finding,) = engine.infer([np.zeros((10, 10), np.uint8)])
    assert finding.heat[32, 16] == 255
    assert np.count_nonzero(finding.heat) == 1


def test_folding_leaves_no_batch_norm_and_the_same_answer(build_tiny_model: Callable[..., ADPS], frames: list) -> None:
    model = build_tiny_model(3)
    folded = fold_batch_norm(model)
    assert folded is not model
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    np.testing.assert_allclose(plain_maps(folded, frames), plain_maps(model, frames), atol=CLOSE)


def test_folding_is_dropped_where_it_would_change_the_answer(build_tiny_model: Callable[..., ADPS]) -> None:
    """A convolution whose output goes to its batch norm and past it cannot be folded; the run does not show that."""

    class Past(torch.nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(channels, channels, 1)
            self.norm = torch.nn.BatchNorm2d(channels)
            torch.nn.init.uniform_(self.norm.running_var, 2.0, 3.0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(x)
            return y + self.norm(y)

    model = build_tiny_model()
    model.segmentation.head = torch.nn.Sequential(model.segmentation.head, Past(2)).eval()
    assert fold_batch_norm(model) is model


def test_everything_it_says_is_on_the_stable_scale(
    tmp_path: Path, build_tiny_model: Callable[..., ADPS], frames: list
) -> None:
    """The frames' own scores set the scale: the second lowest is the limit, the lowest one typical."""
    model = build_tiny_model()
    typical, limit, *_ = sorted(float(own.max()) for own in plain_maps(model, frames))
    scale = ScoreScale(limit, min(typical, limit))
    write_model_directory(
        tmp_path / "scaled",
        model,
        threshold=LIMIT,
        pixel_threshold=0.3,
        scale=scale,
        golden_frames=frames,
        calibration={},
        lineage={},
        metrics={},
    )
    engine = build_engine(*read_model_directory(tmp_path / "scaled"), "cpu")
    assert (engine.threshold, engine.pixel_threshold) == (LIMIT, 0.3)
    findings, maps = engine.infer(frames), engine.anomaly_maps(frames)
    golden = [score for _, score in read_golden(tmp_path / "scaled")]
    for finding, full, own, expected in zip(findings, maps, plain_maps(model, frames), golden, strict=True):
        assert finding.score == full.max() == pytest.approx(scale.of(float(own.max())), abs=1e-3)
        assert finding.score == pytest.approx(expected, abs=1e-3)
        np.testing.assert_allclose(full, scale.apply(torch.from_numpy(own)).numpy(), atol=1e-3)
        assert abs(int(finding.heat.max()) - 255 * finding.score) <= 0.51
    load_verified_engine(tmp_path / "scaled", "cpu")
