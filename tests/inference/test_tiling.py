"""Tiles and their maps: a partition of unity, no seam, no defect lost on one, nothing outside of the foreground."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from line_inspector.errors import InputError
from line_inspector.inference.build import build_engine
from line_inspector.inference.engine import Finding, FrameFault
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.model_directory import (
    read_manifest,
    read_model_directory,
    read_tiling,
    write_model_directory,
)
from line_inspector.inference.payload import FOREGROUND
from line_inspector.inference.preprocess import to_model_input
from line_inspector.inference.tiling import Tiling
from line_inspector.inference.torch_engine import TorchEngine
from line_inspector.inference.view import View
from line_inspector.messages import HEAT_SIDE_PX
from line_inspector.part_record import Reason

SIZE_PX = 32
views = st.builds(View, rows=st.integers(1, 4), columns=st.integers(1, 4), overlap=st.sampled_from([0, 0.1, 0.25, 0.5]))


def brightness(pixels: np.ndarray) -> torch.Tensor:
    """A model that says of each pixel what it shows, whatever is around it."""
    return torch.from_numpy(pixels[:, 0].astype(np.float32) / 255)


def blind_at_the_edge(pixels: np.ndarray) -> torch.Tensor:
    """One that sees nothing within 2 px of the edge of what it is given."""
    maps = brightness(pixels)
    seen = torch.zeros_like(maps)
    seen[:, 2:-2, 2:-2] = maps[:, 2:-2, 2:-2]
    return seen


@given(views)
def test_weights_add_up_to_one_everywhere(view: View) -> None:
    tiling = Tiling(view, SIZE_PX)
    assert tiling.count == view.rows * view.columns
    constant = tiling.join(torch.full((2 * tiling.count, SIZE_PX, SIZE_PX), 0.7))
    assert constant.shape == (2, *view.region_shape(SIZE_PX))
    torch.testing.assert_close(constant, torch.full_like(constant, 0.7))
    assert tiling.join(torch.ones(tiling.count, SIZE_PX, SIZE_PX)).max() <= 1.0


@settings(max_examples=30)
@given(views, st.integers(0, 99))
def test_what_both_tiles_say_of_a_place_is_what_is_said_of_it(view: View, seed: int) -> None:
    """The map of a model that looks at single pixels must not depend on the tiles: there is no seam."""
    tiling = Tiling(view, SIZE_PX)
    regions = np.random.default_rng(seed).integers(0, 256, (2, 3, *tiling.region_shape), dtype=np.uint8)
    joined = tiling.join(brightness(tiling.tiles(regions)))
    torch.testing.assert_close(joined, brightness(regions), atol=1e-6, rtol=0)


def test_the_weights_have_no_step() -> None:
    """Next to each other, they differ by no more than a smooth ramp's steepest slope."""
    tiling = Tiling(View(columns=2), 256)
    left = torch.zeros(2, 256, 256)
    left[0] = 1.0
    across = tiling.join(left)[0, 100]
    assert across[:192].min() == 1.0 and across[256:].max() == 0.0
    assert across.diff().abs().max() < 1.1 * np.pi / 2 / 64


@pytest.mark.parametrize("forward", [brightness, blind_at_the_edge])
def test_a_defect_on_a_seam_is_not_weakened(forward: Callable[[np.ndarray], torch.Tensor]) -> None:
    view = View(rows=2, columns=2)
    tiling = Tiling(view, 64)
    height, width = tiling.region_shape
    for at in range(8, width - 8, 3):
        region = np.zeros((1, 3, height, width), np.uint8)
        region[..., at - 1 : at + 2, at - 1 : at + 2] = 255
        score = float(tiling.join(forward(tiling.tiles(region))).max())
        assert score > 0.97, at


def test_one_tile_of_the_whole_frame_is_handed_through_untouched() -> None:
    tiling = Tiling(View(), SIZE_PX)
    regions = np.zeros((3, 3, SIZE_PX, SIZE_PX), np.uint8)
    maps = torch.rand(3, SIZE_PX, SIZE_PX)
    assert tiling.tiles(regions) is regions
    assert tiling.join(maps) is maps


def test_outside_of_the_foreground_nothing_counts_and_tiles_without_any_are_not_looked_at() -> None:
    view = View(rows=3, columns=3, foreground="file")
    foreground = np.zeros(view.region_shape(SIZE_PX), bool)
    foreground[:20, :20] = True
    tiling = Tiling(view, SIZE_PX, foreground)
    assert tiling.corners_px == [(0, 0)]
    joined = tiling.join(torch.ones(1, SIZE_PX, SIZE_PX))[0].numpy()
    assert np.array_equal(joined > 0, foreground)
    assert joined[foreground].min() == 1.0


@settings(max_examples=30)
@given(views, st.integers(0, 99))
def test_a_foreground_changes_nothing_within_it(view: View, seed: int) -> None:
    rng = np.random.default_rng(seed)
    foreground = np.zeros(view.region_shape(SIZE_PX), bool)
    top, left = (int(rng.integers(0, side - 8)) for side in foreground.shape)
    foreground[top : top + 8, left : left + 40] = True
    masked = Tiling(
        View(rows=view.rows, columns=view.columns, overlap=view.overlap, foreground="file"), SIZE_PX, foreground
    )
    regions = rng.integers(0, 256, (1, 3, *masked.region_shape), dtype=np.uint8)
    joined = masked.join(brightness(masked.tiles(regions)))[0]
    expected = brightness(regions)[0] * torch.from_numpy(foreground)
    torch.testing.assert_close(joined, expected, atol=1e-6, rtol=0)


def test_a_mask_that_does_not_belong_is_refused() -> None:
    shape = View(foreground="auto").region_shape(SIZE_PX)
    for view, mask in (
        (View(foreground="auto"), None),
        (View(), np.ones(shape, bool)),
        (View(foreground="auto"), np.zeros(shape, bool)),
        (View(foreground="auto"), np.ones((8, 8), bool)),
    ):
        with pytest.raises(ValueError, match="foreground"):
            Tiling(view, SIZE_PX, mask)


# The engine.


@pytest.fixture
def write_tiled(tmp_path: Path, build_tiny_model: Callable[..., object], draw_frame: Callable[..., np.ndarray]):
    """Write a model directory of tiles of 64 px with random weights, and return its path."""

    def write(tiling: Tiling, name: str = "model") -> Path:
        write_model_directory(
            tmp_path / name,
            build_tiny_model(0),
            threshold=0.5,
            golden_frames=[draw_frame(1, 300, 200)],
            calibration={},
            lineage={},
            metrics={},
            calibration_frames=[np.zeros((*tiling.region_shape, 3), np.uint8)],
            tiling=tiling,
        )
        return tmp_path / name

    return write


def test_a_tiled_model_answers_as_its_tiles_do(write_tiled, draw_frame) -> None:
    view = View(x=0.1, y=0.2, width=0.8, height=0.5, rows=2, columns=3)
    path = write_tiled(Tiling(view, 64))
    frame = draw_frame(5, 400, 600)
    engine = load_verified_engine(path, "cpu")
    (finding,), (over_all,) = engine.infer([frame]), engine.anomaly_maps([frame])
    assert isinstance(finding, Finding)
    model, _ = read_model_directory(path)
    tiling = Tiling(view, 64)
    with torch.no_grad():
        tiles = torch.from_numpy(tiling.tiles(to_model_input(frame, 64, view)[None]))
        expected = tiling.join(model.anomaly_map(model.normalise(tiles)))[0].numpy()
    assert finding.score == pytest.approx(expected.max(), abs=1e-5)
    assert over_all.max() == finding.score
    height, width = over_all.shape
    assert (height, width) == (round(112 / 0.5), round(160 / 0.8))
    rows, columns = slice(round(0.2 * height), round(0.7 * height)), slice(round(0.1 * width), round(0.9 * width))
    inside = over_all[rows, columns]
    assert inside.min() > 0 and over_all.sum() == pytest.approx(inside.sum(), rel=0.05)
    assert finding.heat.shape == (HEAT_SIDE_PX, HEAT_SIDE_PX)
    assert (finding.heat[:12] == 0).all() and (finding.heat[:, :6] == 0).all()
    region = to_model_input(frame, 64, view).transpose(1, 2, 0)
    (of_region,) = engine.region_maps([np.ascontiguousarray(region[:, :, ::-1])])
    np.testing.assert_allclose(of_region, expected, atol=1e-5)


def test_a_batch_of_tiled_frames_answers_as_they_do_alone_and_a_bad_one_is_named(write_tiled, draw_frame) -> None:
    engine = build_engine(*read_model_directory(write_tiled(Tiling(View(rows=3, columns=4), 64))), "cpu")
    frames = [draw_frame(seed, 200 + seed, 300) for seed in range(4)]  # 48 tiles: more than go at once
    together = engine.infer([frames[0], np.zeros((9, 9), np.uint16), *frames[1:]])
    assert isinstance(together.pop(1), FrameFault)
    for frame, finding in zip(frames, together, strict=True):
        (alone,) = engine.infer([frame])
        assert alone.score == pytest.approx(finding.score, abs=1e-5)


def test_a_tile_whose_answer_is_no_number_is_a_fault_of_its_frame_alone(write_tiled) -> None:
    def forward(pixels: np.ndarray) -> torch.Tensor:
        maps = brightness(pixels)
        maps[maps == 1.0] = float("nan")
        return maps

    engine = TorchEngine(forward, read_manifest(write_tiled(Tiling(View(columns=2), 64))), max_batch_size=2)
    frames = [np.full((64, 112), 100, np.uint8), np.full((64, 112), 100, np.uint8)]
    frames[1][5, 100] = 255
    good, bad = engine.infer(frames)
    assert isinstance(good, Finding)
    assert isinstance(bad, FrameFault) and bad.reason is Reason.BAD_SCORE


def test_a_defect_beside_the_foreground_or_the_region_never_rejects(write_tiled) -> None:
    view = View(x=0.25, y=0.0, width=0.5, height=1.0, foreground="file")
    foreground = np.zeros((64, 64), bool)
    foreground[16:48] = True
    tiling = Tiling(view, 64, foreground)
    path = write_tiled(tiling)
    engine = TorchEngine(brightness, read_manifest(path), max_batch_size=1, tiling=read_tiling(path))
    for place, counts in {(40, 10): False, (5, 64): False, (62, 64): False, (32, 64): True, (32, 125): False}.items():
        frame = np.zeros((64, 128), np.uint8)
        frame[place] = 255
        (finding,) = engine.infer([frame])
        assert (finding.score > 0) == counts, place
        assert bool(finding.heat.any()) == counts, place


def test_latencies_are_those_of_frames_with_all_their_tiles(write_tiled) -> None:
    seen: list[int] = []

    def forward(pixels: np.ndarray) -> torch.Tensor:
        seen.append(len(pixels))
        return brightness(pixels)

    engine = TorchEngine(forward, read_manifest(write_tiled(Tiling(View(rows=2, columns=2), 64))), max_batch_size=3)
    assert seen[:2] == [8, 4] and seen[-1] == 4  # three frames in parts that a CPU can hold, then one
    counted = len(seen)
    engine.infer([np.zeros((64, 64), np.uint8)] * 2)
    assert seen[counted:] == [8]
    assert engine.max_batch_size == 3
    assert 0 < engine.latency_ns(1) <= engine.latency_ns(3) * 3


def test_a_large_batch_takes_no_more_memory_than_a_few_of_its_frames(write_tiled) -> None:
    manifest = read_manifest(write_tiled(Tiling(View(rows=4, columns=4), 64)))
    engine = TorchEngine(brightness, manifest, max_batch_size=1)
    frames = [np.full((64, 64), shade, np.uint8) for shade in range(32)]

    def peak_bytes(some: list[np.ndarray]) -> int:
        tracemalloc.start()
        findings = engine.infer(some)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert [round(finding.score * 255) for finding in findings] == [int(frame.max()) for frame in some]
        return peak

    few, many = peak_bytes(frames[:4]), peak_bytes(frames)
    assert few > 4 * 16 * 3 * 64 * 64  # the tiles are among what is counted
    assert many < 2 * few


def test_view_and_foreground_come_back_from_the_directory(write_tiled) -> None:
    view = View(x=0.1, width=0.9, rows=1, columns=2, foreground="auto")
    foreground = np.zeros(view.region_shape(64), bool)
    foreground[10:50, 30:100] = True
    path = write_tiled(Tiling(view, 64, foreground))
    assert read_tiling(path) == Tiling(view, 64, foreground)
    assert read_tiling(path) != Tiling(view, 64, ~foreground)
    assert read_manifest(path).files[FOREGROUND]
    other = write_tiled(Tiling(View(), 64), "other") / "golden" / "00.png"  # a picture of another size
    original = (path / FOREGROUND).read_bytes()
    (path / FOREGROUND).write_bytes(other.read_bytes())
    with pytest.raises(InputError, match="not the foreground of this model"):
        read_tiling(path)
    (path / FOREGROUND).write_bytes(original)
    (path / FOREGROUND).write_bytes((path / FOREGROUND).read_bytes()[:-20])
    with pytest.raises(InputError, match=FOREGROUND):
        load_verified_engine(path, "cpu")


def test_tiles_see_a_spot_that_resizing_loses(write_tiled) -> None:
    """6 px of 1024: as one tile of 64 px it is a tenth of a pixel, in 8 x 8 tiles 3 px."""
    frame = np.zeros((1024, 1024), np.uint8)
    cv2.circle(frame, (700, 300), 3, 255, -1)
    scores = []
    for name, view in (("whole", View()), ("tiles", View(rows=8, columns=8))):
        path = write_tiled(Tiling(view, 64), name)
        engine = TorchEngine(brightness, read_manifest(path), max_batch_size=1)
        (finding,) = engine.infer([frame])
        scores.append(finding.score)
        row, column = np.unravel_index(finding.heat.argmax(), finding.heat.shape)
        assert abs(row - 300 / 16) <= 1 and abs(column - 700 / 16) <= 1
    assert scores[0] < 0.2 and scores[1] > 0.9


def test_an_engine_may_take_one_tile_after_the_other(write_tiled) -> None:
    seen: list[int] = []

    def forward(pixels: np.ndarray) -> torch.Tensor:
        seen.append(len(pixels))
        return brightness(pixels)

    manifest = read_manifest(write_tiled(Tiling(View(rows=2, columns=2), 64)))
    engine = TorchEngine(forward, manifest, max_batch_size=3, tiles_at_once=1)
    frames = [np.full((64, 64), 40 * seed, np.uint8) for seed in range(1, 4)]
    seen.clear()
    findings = engine.infer(frames)
    assert seen == [1] * 12
    assert [finding.score for finding in findings] == sorted({finding.score for finding in findings})
