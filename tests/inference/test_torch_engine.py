"""Every engine answers as the plain model does, whatever the batch; a bad frame costs no other frame its answer."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from exported import ExportedModel

from line_inspector.inference import openvino_export
from line_inspector.inference.build import build_engine
from line_inspector.inference.engine import Engine, Finding, FrameFault
from line_inspector.inference.folding import fold_batch_norm
from line_inspector.inference.load import load_verified_engine, load_verified_openvino_engine
from line_inspector.inference.model_directory import (
    read_golden,
    read_manifest,
    read_model_directory,
    write_model_directory,
)
from line_inspector.inference.preprocess import to_model_input
from line_inspector.inference.scale import LIMIT, ScoreScale
from line_inspector.inference.torch_engine import TorchEngine
from line_inspector.messages import HEAT_SIDE_PX
from line_inspector.model.adps import ADPS
from line_inspector.part_record import Reason

CLOSE = 1e-5


@pytest.fixture
def model_dir(exported_model: ExportedModel) -> Path:
    return exported_model.model_dir


@pytest.fixture(params=["torch", "openvino"])
def engine(request: pytest.FixtureRequest, exported_model: ExportedModel) -> Engine:
    if request.param == "torch":
        return load_verified_engine(exported_model.model_dir, "cpu", max_batch_size=4)
    return load_verified_openvino_engine(exported_model.model_dir, exported_model.cache, 1, max_batch_size=4)


@pytest.fixture
def frames(draw_frame: Callable[..., np.ndarray]) -> list[np.ndarray]:
    colour = np.dstack([draw_frame(seed, 64, 64) for seed in (5, 6, 7)])
    return [draw_frame(0), draw_frame(1, 200, 30), colour, draw_frame(2, 64, 64)]


def plain_maps(model: ADPS, frames: list[np.ndarray]) -> np.ndarray:
    with torch.no_grad():
        return np.concatenate(
            [model.anomaly_map(model.normalise(torch.from_numpy(to_model_input(f, 64))[None])).numpy() for f in frames]
        )


def test_scores_maps_and_heat_are_those_of_the_plain_model(model_dir: Path, engine: Engine, frames: list) -> None:
    expected = plain_maps(read_model_directory(model_dir)[0], frames)
    findings = engine.infer(frames)
    maps = engine.anomaly_maps(frames)
    for finding, full, wanted in zip(findings, maps, expected, strict=True):
        assert isinstance(finding, Finding)
        assert finding.score == pytest.approx(wanted.max(), abs=CLOSE)
        assert finding.score == full.max()
        np.testing.assert_allclose(full, wanted, atol=CLOSE)
        assert finding.heat.shape == (HEAT_SIDE_PX, HEAT_SIDE_PX)
        assert finding.heat.dtype == np.uint8
        np.testing.assert_allclose(finding.heat, wanted * 255, atol=0.51)  # 64 px model: one cell is one pixel
    assert len({finding.score for finding in findings}) == len(frames)


def test_a_batch_answers_as_its_frames_do_alone(engine: Engine, frames: list) -> None:
    together = engine.infer(frames)
    for frame, finding in zip(frames, together, strict=True):
        (alone,) = engine.infer([frame])
        assert alone.score == pytest.approx(finding.score, abs=CLOSE)


def test_a_bad_frame_gets_a_named_fault_and_the_others_their_findings(engine: Engine, frames: list) -> None:
    good = engine.infer(frames[:2])
    mixed = engine.infer([np.zeros((9, 9), np.uint16), frames[0], np.zeros((9, 9, 4), np.uint8), frames[1]])
    assert [type(answer) for answer in mixed] == [FrameFault, Finding, FrameFault, Finding]
    assert mixed[0].reason is Reason.BAD_FRAME and "uint16" in mixed[0].detail
    assert mixed[2].reason is Reason.BAD_FRAME and "(9, 9, 4)" in mixed[2].detail
    assert mixed[1].score == pytest.approx(good[0].score, abs=CLOSE)
    assert mixed[3].score == pytest.approx(good[1].score, abs=CLOSE)


def test_no_frames_and_only_bad_frames_are_answered(engine: Engine) -> None:
    assert engine.infer([]) == []
    (only,) = engine.infer([np.zeros(3, np.uint8)])
    assert isinstance(only, FrameFault)


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


def test_it_knows_what_it_runs_and_how_long_it_takes(engine: Engine, model_dir: Path) -> None:
    manifest = read_manifest(model_dir)
    assert (engine.version, engine.threshold, engine.image_size_px) == ("v7", manifest.threshold, 64)
    assert engine.max_batch_size == 4
    assert all(engine.latency_ns(size) > 0 for size in (1, 2, 4, 9))


def test_bad_frames_do_not_make_it_believe_that_it_is_fast(engine: Engine) -> None:
    before_ns = engine.latency_ns(1)
    for _ in range(20):
        engine.infer([np.zeros(3, np.uint8)])
    assert engine.latency_ns(1) == before_ns


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
