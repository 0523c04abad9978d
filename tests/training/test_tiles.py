"""A model of tiles from end to end: its frames keep their jobs, its promise is of frames, its children look alike."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tiny_training import OPTIONS as TINY

from line_inspector.commands import main
from line_inspector.errors import InputError
from line_inspector.inference.engine import Finding
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.model_directory import (
    read_calibration_frames,
    read_manifest,
    read_model_directory,
    read_tiling,
)
from line_inspector.inference.scale import LIMIT
from line_inspector.inference.tiling import Tiling
from line_inspector.inference.view import View
from line_inspector.model.forging import Forger
from line_inspector.training.budget import Budget
from line_inspector.training.good_frames import GoodFrames, read_good_folder
from line_inspector.training.model_training import train_model
from line_inspector.training.region_forging import RegionForger
from line_inspector.training.registry import Registry
from line_inspector.training.retrain import retrain
from line_inspector.training.samples import Sampler
from line_inspector.training.selection import forged_choice_set, image_heats
from line_inspector.training.splits import split_good_images
from line_inspector.training.tiles import Tiles

OPTIONS = replace(TINY, checks=1, false_reject_rate=0.25)
VIEW = View(x=0.05, y=0.1, width=0.9, height=0.8, rows=2, columns=3, foreground="auto")
COUNT = 24


def draw_part(seed: int) -> np.ndarray:
    """A bright textured part, 160 x 240, on a dark belt, moved a little."""
    rng = np.random.default_rng(seed)
    frame = rng.normal(30, 2, (160, 240)).astype(np.float32)
    top, left = rng.integers(34, 40), rng.integers(50, 56)
    frame[top : top + 90, left : left + 130] = cv2.GaussianBlur(rng.normal(170, 40, (90, 130)), (0, 0), 2.0)
    return frame.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def good_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    for seed in range(COUNT):
        cv2.imwrite(str(folder / f"{seed:02d}.png"), draw_part(seed))
    return folder


@pytest.fixture(scope="module")
def good(good_dir: Path) -> GoodFrames:
    return read_good_folder(good_dir, 64, VIEW)


@pytest.fixture(scope="module")
def model_dir(good: GoodFrames, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiled") / "model"
    train_model(good, path, OPTIONS, Budget(steps=40), version="v1")
    return path


def test_good_frames_are_regions_and_their_tiles_come_from_all_frames_and_places(good: GoodFrames) -> None:
    height, width = VIEW.region_shape(64)
    assert good.pixels.shape == (COUNT, height, width, 3)
    tiles = Tiles(good.pixels, (3, 5, 8), good.tiling)
    assert len(tiles) == 3 * good.tiling.count
    seen = {tiles[index].tobytes() for index in range(len(tiles))}
    expected = {good.tiling.tile(good.pixels[f], t).tobytes() for f in (3, 5, 8) for t in range(good.tiling.count)}
    assert seen == expected and len(seen) == len(tiles)
    with pytest.raises(IndexError):
        tiles[len(tiles)]


def test_nothing_is_forged_where_it_does_not_count(good: GoodFrames) -> None:
    tiles = Tiles(good.pixels, tuple(range(COUNT)), good.tiling)
    forger = Forger([tiles[index] for index in range(8)], forged_share=1.0, turned_share=0.0)
    batch = forged_choice_set(tiles, forger, 0, tiles.within)
    for number, mask in enumerate(batch.masks[:, 0].numpy() > 0.5):
        assert not (mask & ~tiles.within(number // 4)).any()
    assert (batch.masks.flatten(1).amax(dim=1) > 0).float().mean() > 0.5
    half = np.zeros((64, 64), bool)
    half[:32] = True
    drawn = Sampler(tiles, forger, 16, 0, within=lambda index: half).batch(0).masks[:, 0]
    assert drawn[:, :32].any() and not drawn[:, 32:].any()
    turned = Forger(forger.donors, forged_share=1.0, turned_share=1.0)
    masks = [turned.sample(np.random.default_rng(seed), tiles[0], half)[1] for seed in range(8)]
    assert all(not mask[:, :32].any() or not mask[:, 32:].any() for mask in masks)  # the upper half, turned


def test_a_defect_of_a_region_lies_on_one_tile_and_changes_nothing_else(good: GoodFrames) -> None:
    tiles = Tiles(good.pixels, tuple(range(COUNT)), good.tiling)
    forger = RegionForger(Forger([tiles[index] for index in range(8)]), good.tiling)
    batch = forged_choice_set(good.pixels[:4], forger, 0)
    assert batch.images.shape[2:] == good.tiling.region_shape
    for number, (image, mask) in enumerate(zip(batch.images.numpy(), batch.masks[:, 0].numpy() > 0.5, strict=True)):
        changed = (image.transpose(1, 2, 0) != good.pixels[number // 4]).any(axis=2)
        assert good.tiling.foreground is not None and not (mask & ~good.tiling.foreground).any()
        rows, columns = np.nonzero(changed)
        assert not len(rows) or (np.ptp(rows) < 64 and np.ptp(columns) < 64)


def test_all_tiles_of_a_frame_do_its_one_job_and_the_promise_is_of_frames(good: GoodFrames, model_dir: Path) -> None:
    manifest, split = read_manifest(model_dir), split_good_images(good.pixels, 0.2, 0.25, 3)
    assert manifest.lineage["images_trained_on"] == len(split.train)
    assert manifest.calibration["images"] == len(split.calibration)
    handed_on = read_calibration_frames(model_dir)
    assert np.array_equal(handed_on, good.pixels[split.calibration])
    engine = load_verified_engine(model_dir, "cpu")
    findings = engine.infer([good.frame(index) for index in split.calibration])
    scores = [finding.score for finding in findings if isinstance(finding, Finding)]
    assert max(scores) == pytest.approx(manifest.calibration["largest_score"], abs=1e-3)
    rank = int(np.ceil((len(scores) + 1) * 0.75)) - 1
    assert sorted(scores)[rank] <= LIMIT + 1e-3


def test_the_report_counts_a_picture_of_many_tiles_as_learned_from_when_all_of_them_were(model_dir: Path) -> None:
    manifest, tiling = read_manifest(model_dir), read_tiling(model_dir)
    images = manifest.lineage["images_trained_on"] * tiling.count
    times = manifest.lineage["steps"] * OPTIONS.batch_size / images
    text = (model_dir / "report.html").read_text()
    assert f"each {times:.1f} times" in text
    assert f"Every picture was learned from {times:.1f} times only" in text


def test_what_is_outlined_is_promised_of_the_cells_that_the_page_shows(good: GoodFrames, model_dir: Path) -> None:
    model, _ = read_model_directory(model_dir)
    heats = image_heats(model, good.pixels[:2], good.tiling)
    engine = load_verified_engine(model_dir, "cpu")
    findings = [f for f in engine.infer([good.frame(0), good.frame(1)]) if isinstance(f, Finding)]
    shown = np.stack([finding.heat.ravel() for finding in findings])
    share = heats.shape[1] / shown.shape[1]
    assert 0.1 < share < 0.6  # neither the belt beside the mask, nor what the region leaves out
    scaled = (read_manifest(model_dir).scale.apply(torch.from_numpy(heats)) * 255).numpy()
    np.testing.assert_allclose(np.sort(scaled)[:, -50:], np.sort(shown)[:, -50:], atol=1.0)


def test_what_a_model_looks_at_is_in_its_directory_and_its_child_looks_at_the_same(
    good_dir: Path, model_dir: Path, tmp_path: Path
) -> None:
    tiling = read_tiling(model_dir)
    assert tiling.view == VIEW and tiling.foreground is not None
    assert 0.2 < tiling.foreground.mean() < 0.8
    registry = Registry(tmp_path / "models", "part")
    registry.publish(model_dir)
    frames = [tmp_path / "archive" / f"{seed}.png" for seed in range(100, 130)]
    frames[0].parent.mkdir()
    for seed, path in enumerate(frames, 100):
        cv2.imwrite(str(path), draw_part(seed))
    report = retrain(frames, registry, OPTIONS, Budget(steps=2))
    assert report.candidate is not None and report.in_service is not None
    assert report.candidate.forged >= 12
    child = registry.folder / report.version
    if report.promotion.promoted:
        assert read_tiling(child) == tiling
        assert np.array_equal(read_calibration_frames(child), read_calibration_frames(model_dir))


def test_a_child_is_not_trained_on_frames_read_in_another_way(good_dir: Path, model_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not those that the images were read with"):
        train_model(read_good_folder(good_dir, 64), tmp_path / "m", OPTIONS, Budget(steps=1), parent=model_dir)


def test_the_command_line_says_what_is_looked_at(
    good_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), np.pad(np.full((100, 140), 255, np.uint8), ((30, 30), (50, 50))))
    words = f"train {good_dir} --out {tmp_path / 'm'} --steps 2 --image-size-px 64 --patches-per-side 2 --batch-size 4"
    view = f"--roi 0.1,0.1,0.8,0.8 --tiles 1x2 --tile-overlap 0.5 --foreground {tmp_path / 'mask.png'} --json"
    monkeypatch.setattr(sys, "argv", ["line-inspector", *words.split(), *view.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert ended.value.code == 0, shown.err
    written = json.loads(shown.out)["preprocessing"]["view"]
    assert written == {
        **{"x": 0.1, "y": 0.1, "width": 0.8, "height": 0.8},
        **{"rows": 1, "columns": 2, "overlap": 0.5, "foreground": "file"},
    }
    assert "the foreground is " in shown.err
    assert read_tiling(tmp_path / "m").region_shape == (64, 96)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--roi", "0,0,1", "is no region"),
        ("--roi", "0.5,0,0.6,1", "must lie in the frame"),
        ("--roi", "10,10,200,200", "from there. Give X,Y,WIDTH,HEIGHT as shares of the frame, 0 to 1"),
        ("--tiles", "2*2", "is no grid of tiles"),
        ("--tiles", "2x99", "--tiles 2x99: 1 to 16"),
        ("--foreground", "nowhere.png", "no such image"),
    ],
)
def test_what_cannot_be_looked_at_ends_in_one_line(
    option: str,
    value: str,
    says: str,
    good_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["line-inspector", "train", str(good_dir), "--out", str(tmp_path / "m"), "--steps", "1", option, value]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_tiles_of_the_whole_frame_are_the_good_frames(good_dir: Path, build_tiny_model: Callable[..., object]) -> None:
    plain = read_good_folder(good_dir, 64)
    tiles = Tiles(plain.pixels, tuple(range(COUNT)), plain.tiling)
    assert not tiles.are_cut and len(tiles) == COUNT
    assert np.array_equal(np.stack([tiles[index] for index in range(COUNT)]), plain.pixels)
    assert tiles.within(0) is None and plain.tiling == Tiling(View(), 64)
