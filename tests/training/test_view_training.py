"""A model that sees a region in tiles: trained, calibrated, served, retrained."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.images import list_images
from line_inspector.inference.engine import Finding
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.model_directory import read_calibration_frames, read_manifest
from line_inspector.inference.view import Roi, View
from line_inspector.model.architecture import Architecture
from line_inspector.training.budget import Budget
from line_inspector.training.foreground_mask import remark_on, with_foreground
from line_inspector.training.good_frames import GoodFrames, read_good_folder
from line_inspector.training.model_training import train_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.registry import Registry
from line_inspector.training.retrain import retrain

VIEW = View(Roi(0.25, 0.0, 0.75, 1.0), rows=2, columns=2)
OPTIONS = TrainingOptions(
    architecture=Architecture(
        image_size_px=64, patches_per_side=2, segmentation_widths=(8, 8), sigma_px=1.0, prototypes=16, novelty=16
    ),
    batch_size=4,
    checks=1,
    device="cpu",
    false_reject_rate=0.25,
    view=VIEW,
)
FRAMES = 24


def _frame(seed: int) -> NDArray[np.uint8]:
    """A textured surface, 120 x 160; the left quarter shows whatever passes by."""
    rng = np.random.default_rng(seed)
    frame = rng.normal(120, 6, (120, 160)).clip(0, 255).astype(np.uint8)
    frame[:, :40] = rng.integers(0, 256)
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    for seed in range(FRAMES):
        cv2.imwrite(str(folder / f"{seed:02d}.png"), _frame(seed))
    return folder


@pytest.fixture(scope="module")
def good(folder: Path) -> GoodFrames:
    return read_good_folder(folder, 64, VIEW)


@pytest.fixture(scope="module")
def trained(good: GoodFrames, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    out = tmp_path_factory.mktemp("models") / "m"
    return out, train_model(good, out, OPTIONS, Budget(steps=150))


def test_a_frame_is_one_picture_whatever_its_tiles(good: GoodFrames, trained: tuple[Path, Manifest]) -> None:
    out, manifest = trained
    assert len(good) == FRAMES and good.pixels.shape == (FRAMES, 112, 112, 3)
    assert manifest.preprocessing.view == read_manifest(out).preprocessing.view == VIEW
    assert manifest.lineage["images"] == FRAMES
    assert read_calibration_frames(out).shape[1:] == (112, 112, 3)


def test_the_engine_scores_frames_as_they_were_calibrated(folder: Path, trained: tuple[Path, Manifest]) -> None:
    out, manifest = trained
    engine = load_verified_engine(out, "cpu", frame_shape=(120, 160))
    calibrating = read_calibration_frames(out)
    answers = engine.infer([VIEW.uncrop(np.ascontiguousarray(canvas[:, :, ::-1])) for canvas in calibrating])
    scores = [answer.score for answer in answers if isinstance(answer, Finding)]
    assert len(scores) == manifest.calibration["images"]
    assert max(scores) == pytest.approx(manifest.calibration["largest_score"], abs=1e-3)
    assert sum(score >= engine.threshold for score in scores) <= 0.25 * (len(scores) + 1)


def test_what_passes_by_outside_the_region_changes_nothing_and_a_defect_inside_shows_where_it_is(
    trained: tuple[Path, Manifest],
) -> None:
    engine = load_verified_engine(trained[0], "cpu")
    frame = _frame(99)
    elsewhere, defective = frame.copy(), frame.copy()
    elsewhere[:, :38] = 255 - elsewhere[:, :38]
    cv2.circle(defective, (130, 30), 9, 250, -1)
    before, after, found = engine.infer([frame, elsewhere, defective])
    assert isinstance(before, Finding) and isinstance(after, Finding) and isinstance(found, Finding)
    assert after.score == before.score and np.array_equal(after.heat, before.heat)
    assert not found.heat[:, :16].any()
    risen = found.heat.astype(int) - before.heat
    assert risen[6:26, 42:62].max() == risen.max() > 40  # the spot lies about row 16, column 52
    (whole,) = engine.anomaly_maps([defective])
    assert whole.shape == (engine.image_size_px, engine.image_size_px) == (112, 112)
    assert whole.max() == pytest.approx(found.score, abs=1e-5)


def test_a_child_sees_what_its_parent_sees(folder: Path, trained: tuple[Path, Manifest], tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models", "tile")
    registry.publish(trained[0])
    report = retrain(list_images(folder), registry, replace(OPTIONS, view=View()), Budget(steps=1))
    assert report.candidate is not None and report.in_service is not None
    assert report.candidate.good > 0 and report.candidate.forged > 0
    assert report.in_service.image_auroc > 0.6  # the frames it is tried on are shown to it as a camera does


def test_other_pictures_than_the_view_asks_for_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="112 x 112"):
        train_model(read_good_folder(folder, 64), tmp_path / "m", OPTIONS, Budget(steps=1))


def _parts_on_a_belt() -> NDArray[np.uint8]:
    images = np.full((9, 64, 64, 3), 30, np.uint8)
    for index, image in enumerate(images):
        cv2.circle(image, (30 + index % 3, 32), 18, (200, 180, 170), -1)
    return images


def test_the_foreground_is_found_or_painted_and_said(tmp_path: Path) -> None:
    found = with_foreground(View(), "auto", 64, _parts_on_a_belt())
    assert found.mask()[32, 14:50].all() and not found.mask()[:8].any() and not found.mask()[:, 60:].any()
    assert "nothing outside of that will ever reject" in remark_on(found)
    assert remark_on(View()) == ""

    painted = np.zeros((120, 160), np.uint8)
    painted[:, 80:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), painted)
    mask = with_foreground(VIEW, str(tmp_path / "mask.png"), 64, []).mask()
    assert mask.shape == (112, 112)
    assert not mask[:, :36].any() and mask[:, 39:].all()

    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((120, 160), np.uint8))
    for foreground, reason in ((str(tmp_path / "black.png"), "black"), (str(tmp_path / "none.png"), "none.png")):
        with pytest.raises(InputError, match=reason):
            with_foreground(VIEW, foreground, 64, [])
    with pytest.raises(InputError, match="do not stand out"):
        with_foreground(View(), "auto", 64, np.random.default_rng(0).integers(0, 256, (9, 64, 64, 3), dtype=np.uint8))


def test_a_defect_outside_the_foreground_does_not_reject(folder: Path, tmp_path: Path) -> None:
    good = read_good_folder(folder, 64)
    left = np.zeros((120, 160), np.uint8)
    left[:, :120] = 255
    cv2.imwrite(str(tmp_path / "left.png"), left)
    view = with_foreground(View(), str(tmp_path / "left.png"), 64, good.pixels)
    train_model(good, tmp_path / "m", replace(OPTIONS, view=view), Budget(steps=2))
    engine = load_verified_engine(tmp_path / "m", "cpu")
    frame = _frame(5)
    defective = frame.copy()
    cv2.circle(defective, (150, 60), 6, 250, -1)
    before, after = engine.anomaly_maps([frame, defective])
    assert not after[:, 48:].any() and after[:, :48].any()
    assert np.abs(after[:, :24] - before[:, :24]).max() < 0.2
