"""One suite for every engine: it answers as the plain model does, whatever batch, frame, tiles or region."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from exported import ExportedModel
from plain_engine import plain_maps

from line_inspector.inference.build import build_engine
from line_inspector.inference.engine import Engine, Finding, FrameFault
from line_inspector.inference.export_cache import read_cached_forward
from line_inspector.inference.load import load_verified_engine, load_verified_openvino_engine
from line_inspector.inference.model_directory import read_golden, read_manifest, read_model_directory
from line_inspector.inference.parity import TOLERANCE, parity_pixels
from line_inspector.inference.preprocess import to_model_input
from line_inspector.inference.tiling import Tiling
from line_inspector.inference.torch_engine import TorchEngine
from line_inspector.inference.view import View
from line_inspector.messages import HEAT_SIDE_PX
from line_inspector.part_record import Reason

CLOSE = 1e-5
ON_GPU = 1e-4  # its kernels add up in another order


@pytest.fixture(params=["torch", "openvino", "cuda"])
def runtime(request: pytest.FixtureRequest) -> str:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU that torch can use")
    return str(request.param)


@pytest.fixture
def close(runtime: str) -> float:
    return ON_GPU if runtime == "cuda" else CLOSE


@pytest.fixture
def model_dir(exported_model: ExportedModel) -> Path:
    return exported_model.model_dir


@pytest.fixture
def engine(runtime: str, exported_model: ExportedModel) -> Engine:
    """As a worker loads it."""
    if runtime == "openvino":
        return load_verified_openvino_engine(exported_model.model_dir, exported_model.cache, 1, max_batch_size=4)
    return load_verified_engine(exported_model.model_dir, "cuda" if runtime == "cuda" else "cpu", max_batch_size=4)


@pytest.fixture
def with_view(runtime: str, exported_model: ExportedModel) -> Callable[[Tiling], Engine]:
    """The same model, as if it had been trained to look at a region in tiles."""

    def build(tiling: Tiling) -> Engine:
        model, manifest = read_model_directory(exported_model.model_dir)
        if runtime == "openvino":
            forward = read_cached_forward(exported_model.export, manifest, 1)
            return TorchEngine(forward, manifest, max_batch_size=2, tiling=tiling, tiles_at_once=1)
        device = "cuda" if runtime == "cuda" else "cpu"
        return build_engine(model, manifest, device, max_batch_size=2, tiling=tiling)

    return build


def test_scores_maps_and_heat_are_those_of_the_plain_model(
    model_dir: Path, engine: Engine, frames: list, close: float
) -> None:
    expected = plain_maps(read_model_directory(model_dir)[0], frames)
    findings = engine.infer(frames)
    maps = engine.anomaly_maps(frames)
    for finding, full, wanted in zip(findings, maps, expected, strict=True):
        assert isinstance(finding, Finding)
        assert finding.score == pytest.approx(wanted.max(), abs=close)
        assert finding.score == full.max()
        np.testing.assert_allclose(full, wanted, atol=close)
        assert finding.heat.shape == (HEAT_SIDE_PX, HEAT_SIDE_PX)
        assert finding.heat.dtype == np.uint8
        np.testing.assert_allclose(finding.heat, wanted * 255, atol=0.51)  # 64 px model: one cell is one pixel
    assert len({finding.score for finding in findings}) == len(frames)


def test_a_batch_answers_as_its_frames_do_alone(engine: Engine, frames: list, close: float) -> None:
    together = engine.infer(frames)
    for frame, finding in zip(frames, together, strict=True):
        (alone,) = engine.infer([frame])
        assert alone.score == pytest.approx(finding.score, abs=close)


def test_a_bad_frame_gets_a_named_fault_and_the_others_their_findings(
    engine: Engine, frames: list, close: float
) -> None:
    good = engine.infer(frames[:2])
    mixed = engine.infer([np.zeros((9, 9), np.uint16), frames[0], np.zeros((9, 9, 4), np.uint8), frames[1]])
    assert [type(answer) for answer in mixed] == [FrameFault, Finding, FrameFault, Finding]
    assert mixed[0].reason is Reason.BAD_FRAME and "uint16" in mixed[0].detail
    assert mixed[2].reason is Reason.BAD_FRAME and "(9, 9, 4)" in mixed[2].detail
    assert mixed[1].score == pytest.approx(good[0].score, abs=close)
    assert mixed[3].score == pytest.approx(good[1].score, abs=close)


def test_no_frames_and_only_bad_frames_are_answered(engine: Engine) -> None:
    assert engine.infer([]) == []
    (only,) = engine.infer([np.zeros(3, np.uint8)])
    assert isinstance(only, FrameFault)


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


def test_good_and_spoilt_frames_get_the_scores_and_maps_of_the_plain_model(model_dir: Path, engine: Engine) -> None:
    pixels = parity_pixels([frame for frame, _ in read_golden(model_dir)], 64)
    frames = [np.ascontiguousarray(each[::-1].transpose(1, 2, 0)) for each in pixels]  # BGR, as a camera gives them
    expected = plain_maps(read_model_directory(model_dir)[0], frames)
    for batch in (1, 3, len(frames)):
        maps = [each for i in range(0, len(frames), batch) for each in engine.anomaly_maps(frames[i : i + batch])]
        assert np.abs(np.stack(maps) - expected).max() <= TOLERANCE
    assert np.ptp(expected.max((1, 2))) > TOLERANCE  # or the comparison would say nothing


@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (31, 500), (700, 33), (480, 640, 3), (2, 3, 3)])
def test_mono_and_colour_of_any_size_are_resized_alike(
    model_dir: Path, engine: Engine, close: float, shape: tuple[int, ...]
) -> None:
    frame = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    (finding,), (full,) = engine.infer([frame]), engine.anomaly_maps([frame])
    expected = plain_maps(read_model_directory(model_dir)[0], [frame])[0]
    assert finding.score == pytest.approx(expected.max(), abs=close)
    np.testing.assert_allclose(full, expected, atol=close)


def test_tiles_are_joined_and_batches_of_frames_answered_as_alone(
    model_dir: Path, with_view: Callable[[Tiling], Engine], frames: list, close: float
) -> None:
    """More tiles, of three frames, than any engine takes at once."""
    tiling = Tiling(View(rows=2, columns=3, overlap=0.5), 64)
    engine = with_view(tiling)
    model = read_model_directory(model_dir)[0]
    for frame, full in zip(frames[:3], engine.anomaly_maps(frames[:3]), strict=True):
        region = to_model_input(frame, 64, tiling.view)
        with torch.no_grad():
            tiles = torch.from_numpy(tiling.tiles(region[None]))
            expected = tiling.join(torch.cat([model.anomaly_map(model.normalise(tile[None])) for tile in tiles]))[0]
        np.testing.assert_allclose(full, expected.numpy(), atol=close)


def test_only_the_region_of_interest_is_looked_at(
    with_view: Callable[[Tiling], Engine], draw_frame: Callable[..., np.ndarray], engine: Engine, close: float
) -> None:
    of_region = with_view(Tiling(View(x=0.5, y=0.0, width=0.5, height=1.0), 64))
    frame = draw_frame(4, 64, 128)
    changed = frame.copy()
    changed[:, :60] = 255
    (seen,), (alone,) = of_region.anomaly_maps([frame]), engine.anomaly_maps([np.ascontiguousarray(frame[:, 64:])])
    assert seen.shape == (64, 128) and not seen[:, :64].any()
    np.testing.assert_allclose(seen[:, 64:], alone, atol=close)
    np.testing.assert_allclose(of_region.anomaly_maps([changed])[0], seen, atol=close)
    whole, whole_changed = engine.anomaly_maps([frame, changed])
    assert np.abs(whole - whole_changed).max() > 10 * close  # which the whole frame's model sees
    (finding,) = of_region.infer([frame])
    assert finding.score == pytest.approx(alone.max(), abs=close)
    assert not finding.heat[:, : HEAT_SIDE_PX // 2].any() and finding.heat[:, HEAT_SIDE_PX // 2 :].any()
