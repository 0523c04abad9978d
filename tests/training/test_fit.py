import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
from tiny_training import OPTIONS, weights_sha256

from line_inspector.errors import InputError
from line_inspector.inference.model_directory import read_golden, read_model_directory
from line_inspector.inference.preprocess import to_model_input
from line_inspector.model.forging import Forger
from line_inspector.training.budget import Budget
from line_inspector.training.good_frames import GoodFrames, read_good_folder
from line_inspector.training.learner import Learner, Standing
from line_inspector.training.model_building import build_model
from line_inspector.training.model_training import train_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.progress import Progress
from line_inspector.training.samples import Sampler


def test_the_same_seed_and_steps_give_the_same_bytes(good: GoodFrames, tmp_path: Path) -> None:
    for name in ("a", "b"):
        train_model(good, tmp_path / name, OPTIONS, Budget(steps=4))
    train_model(good, tmp_path / "c", replace(OPTIONS, seed=1), Budget(steps=4))
    assert weights_sha256(tmp_path / "a") == weights_sha256(tmp_path / "b") != weights_sha256(tmp_path / "c")


def test_the_directory_is_complete_and_says_how_it_came_about(good: GoodFrames, tmp_path: Path) -> None:
    seen: list[Progress] = []
    manifest = train_model(good, tmp_path / "m", OPTIONS, Budget(steps=4), on_progress=seen.append)
    model, read = read_model_directory(tmp_path / "m")
    assert (read.version, read.files, read.threshold) == (manifest.version, manifest.files, manifest.threshold)
    assert [progress.step for progress in seen] == [1, 2, 3, 4]
    assert seen[-1].share == 1.0
    assert manifest.lineage["steps"] == 4
    assert manifest.lineage["images"] == 12
    assert manifest.lineage["images_trained_on"] == 6
    assert manifest.calibration["images"] == 4
    assert manifest.calibration["false_reject_rate"] == 0.2
    assert manifest.threshold == 0.5
    assert "structural forgeries" in manifest.lineage["texture_source"]
    assert 0 <= manifest.metrics["forged_pixel_ap"] <= 1
    json.dumps([manifest.lineage, manifest.calibration])
    golden = read_golden(tmp_path / "m")
    assert golden
    with torch.inference_mode():
        for frame, score in golden:
            pixels = torch.from_numpy(to_model_input(frame, 64))[None]
            raw = float(model.anomaly_map(model.normalise(pixels)).amax())
            assert manifest.scale.of(raw) == pytest.approx(score, abs=1e-5)


def test_training_learns(good: GoodFrames, tmp_path: Path) -> None:
    losses = []
    train_model(good, tmp_path / "m", OPTIONS, Budget(steps=25), on_progress=lambda p: losses.append(p.loss))
    assert losses[-1] < 0.95 * losses[0]


def test_patience_ends_a_training_that_gets_no_better(good: GoodFrames, tmp_path: Path) -> None:
    options = replace(OPTIONS, checks=10, learning_rate=1e-7)  # too little to change the order of any two scores
    manifest = train_model(good, tmp_path / "m", replace(options, patience=3), Budget(steps=20))
    assert manifest.lineage["ended_by"] == "patience"
    assert 6 <= manifest.lineage["steps"] < 20
    assert manifest.lineage["steps"] - manifest.lineage["best_step"] <= 6
    manifest = train_model(good, tmp_path / "patient", options, Budget(steps=20))
    assert (manifest.lineage["ended_by"], manifest.lineage["steps"]) == ("budget", 20)


def test_training_learns_in_fp16_with_scaled_gradients(good: GoodFrames, tmp_path: Path) -> None:
    losses: list[float] = []
    options = replace(OPTIONS, precision="fp16")
    train_model(good, tmp_path / "m", options, Budget(steps=25), on_progress=lambda p: losses.append(p.loss))
    assert losses[-1] < 0.95 * losses[0]


def test_a_step_whose_fp16_gradients_overflow_is_left_out_and_the_scale_lowered(good: GoodFrames) -> None:
    options = replace(OPTIONS, precision="fp16")
    model, _ = build_model(options, None)
    learner = Learner(model, options)
    scale = 2.0**60
    learner.take_up(replace_scale(learner.standing(), scale), learner.tensors())
    before = learner.tensors()["model.segmentation.head.weight"].clone()
    batch = Sampler(good.pixels, Forger(list(good.pixels)), 4, seed=0).batch(0)
    learner.learn(batch, None, learning_rate=1e-3)
    assert torch.equal(learner.tensors()["model.segmentation.head.weight"], before)
    assert learner.standing().scaler["scale"] == scale / 2


def replace_scale(standing: Standing, scale: float) -> Standing:
    return msgspec.structs.replace(standing, scaler={**standing.scaler, "scale": scale})


def test_cancelling_keeps_the_best_so_far(good: GoodFrames, tmp_path: Path) -> None:
    cancelled = threading.Event()

    def cancel_after_three(progress: Progress) -> None:
        if progress.step == 3:
            cancelled.set()

    budget = Budget(steps=100_000)
    manifest = train_model(
        good, tmp_path / "m", OPTIONS, budget, on_progress=cancel_after_three, cancelled=cancelled.is_set
    )
    assert manifest.lineage["steps"] == 3
    assert manifest.lineage["ended_by"] == "cancelled"
    read_model_directory(tmp_path / "m")


def test_cancelled_before_the_first_step_still_gives_a_whole_directory(good: GoodFrames, tmp_path: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    manifest = train_model(good, tmp_path / "m", OPTIONS, Budget(steps=5), cancelled=cancelled.is_set)
    assert manifest.lineage["steps"] == 0
    read_model_directory(tmp_path / "m")


def test_a_child_starts_from_its_parent(good: GoodFrames, tmp_path: Path) -> None:
    first = train_model(good, tmp_path / "parent", OPTIONS, Budget(steps=2), version="one")
    cancelled = threading.Event()
    cancelled.set()
    child = train_model(
        good, tmp_path / "child", OPTIONS, Budget(steps=5), parent=tmp_path / "parent", cancelled=cancelled.is_set
    )
    assert child.lineage["parent"] == first.version == "one"
    assert weights_sha256(tmp_path / "child") == weights_sha256(tmp_path / "parent")
    trained = train_model(good, tmp_path / "trained", OPTIONS, Budget(steps=2), parent=tmp_path / "parent")
    assert trained.lineage["steps"] == 2
    assert weights_sha256(tmp_path / "trained") != weights_sha256(tmp_path / "parent")


def test_an_existing_directory_is_refused_before_the_work(good: GoodFrames, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(InputError, match="exists already"):
        train_model(good, tmp_path / "m", OPTIONS, Budget(steps=1))


def test_a_loss_that_is_no_number_stops_the_training(good: GoodFrames) -> None:
    learner = Learner(build_model(OPTIONS, None)[0], OPTIONS)
    batch = Sampler(good.pixels, Forger(list(good.pixels)), 4, seed=0).batch(0)
    with pytest.raises(InputError, match="no longer a number"):
        for _ in range(50):
            learner.learn(batch, None, learning_rate=1e20)


def test_texture_folder_is_used(good: GoodFrames, tmp_path: Path) -> None:
    dtd = tmp_path / "dtd" / "images"
    for number, path in enumerate(good.paths[:6]):
        kind = dtd / ("banded", "dotted")[number % 2]
        kind.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, kind)
    options = replace(OPTIONS, texture_folder=dtd.parent)
    manifest = train_model(good, tmp_path / "m", options, Budget(steps=1))
    assert "6 images of a texture folder" in manifest.lineage["texture_source"]


@pytest.mark.parametrize("device", ["tpu", "cuda"])
def test_a_device_that_is_not_there_is_refused(good: GoodFrames, tmp_path: Path, device: str) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(InputError, match=device):
        train_model(good, tmp_path / "m", replace(OPTIONS, device=device), Budget(steps=1))


def test_a_budget_without_a_step_is_refused(good: GoodFrames, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="over before the first step"):
        train_model(good, tmp_path / "m", OPTIONS, Budget(seconds=0.01))
    assert not (tmp_path / "m").exists()


def test_images_of_another_size_than_the_parents_are_refused(good: GoodFrames, tmp_path: Path) -> None:
    train_model(good, tmp_path / "parent", OPTIONS, Budget(steps=1))
    wide = read_good_folder(good.paths[0].parent, 128)
    with pytest.raises(InputError, match="128 px, the model takes 64 px"):
        train_model(wide, tmp_path / "m", TrainingOptions(), Budget(steps=1), parent=tmp_path / "parent")
