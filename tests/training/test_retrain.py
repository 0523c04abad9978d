"""The nightly loop without ledger and archive: frames in, a candidate trained, tried, published or left out."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from line_inspector.errors import InputError
from line_inspector.inference.model_directory import read_calibration_frames, read_model_directory
from line_inspector.model.architecture import Architecture
from line_inspector.training.budget import Budget
from line_inspector.training.good_frames import read_images
from line_inspector.training.options import TrainingOptions
from line_inspector.training.registry import Registry
from line_inspector.training.retrain import RetrainReport, retrain

OPTIONS = TrainingOptions(
    architecture=Architecture(image_size_px=64, patches_per_side=2, sigma_px=1.0),
    batch_size=4,
    checks=1,
    device="cpu",
    false_reject_rate=0.25,
)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models", "tile")


@pytest.fixture
def frames(tmp_path: Path, draw_frame: Callable[..., np.ndarray]) -> list[Path]:
    (tmp_path / "archive").mkdir()
    paths = [tmp_path / "archive" / f"part-{i:03d}.png" for i in range(24)]
    for i, path in enumerate(paths):
        assert cv2.imwrite(str(path), draw_frame(i))
    return paths


def run(frames: list[Path], registry: Registry, steps: int, **more: object) -> RetrainReport:
    return retrain(frames, registry, OPTIONS, Budget(steps=steps), **more)


def assert_nothing_left(registry: Registry) -> None:
    assert not [path for path in registry.folder.iterdir() if path.name.startswith(".candidate")]


def test_a_first_model_that_learned_is_published_and_the_next_one_starts_from_it(
    frames: list[Path], registry: Registry
) -> None:
    first = run(frames, registry, steps=40)
    assert first.promotion.promoted, first
    assert first.in_service is None and first.in_service_version is None
    assert registry.in_service() == first.version
    assert first.frames_trained + first.frames_tried == 24 and first.frames_tried >= 4
    second = run(frames, registry, steps=1)
    assert second.in_service_version == first.version
    assert (second.in_service.good, second.in_service.forged) == (second.candidate.good, second.candidate.forged)
    if second.promotion.promoted:
        _, manifest = read_model_directory(registry.current)
        assert manifest.lineage["parent"] == first.version
    assert registry.in_service() == (second.version if second.promotion.promoted else first.version)
    assert_nothing_left(registry)


def test_a_model_that_learned_nothing_stays_out(
    frames: list[Path], registry: Registry, tmp_path: Path, write_tiny_model: Callable[..., Path]
) -> None:
    """The model in service is random, and one step on top of it does not make a model."""
    registry.publish(write_tiny_model(tmp_path / "random", version="random"))
    report = run(frames, registry, steps=1)
    assert not report.promotion.promoted
    assert any("AUROC" in reason for reason in report.promotion.reasons)
    assert registry.in_service() == "random"
    assert [entry.version for entry in registry.entries()] == ["random"]
    assert_nothing_left(registry)


def test_a_training_that_was_stopped_publishes_nothing(frames: list[Path], registry: Registry) -> None:
    cancelled = threading.Event()
    report = run(frames, registry, steps=100, on_progress=lambda progress: cancelled.set(), cancelled=cancelled.is_set)
    assert not report.promotion.promoted
    assert "stopped" in report.promotion.reasons[0]
    assert registry.in_service() is None


def test_a_rollback_during_the_training_has_the_last_word(
    frames: list[Path], registry: Registry, tmp_path: Path, write_tiny_model: Callable[..., Path]
) -> None:
    for version in ("v1", "v2"):
        registry.publish(write_tiny_model(tmp_path / version, version=version))

    def operator(_progress: object) -> None:
        if registry.in_service() == "v2":
            registry.rollback()

    report = run(frames, registry, steps=1, on_progress=operator)
    assert report.promotion.reasons == ("Another model came into service during the training.",)
    assert registry.in_service() == "v1"


def test_frames_that_are_gone_or_damaged_are_left_out_and_named(frames: list[Path], registry: Registry) -> None:
    frames[3].unlink()
    frames[7].write_bytes(frames[7].read_bytes()[:100])
    report = run(frames, registry, steps=1)
    assert report.unreadable == ("part-003.png", "part-007.png")
    assert report.frames_trained + report.frames_tried == 22


def test_frames_tried_are_never_trained_on_and_the_same_every_night(
    frames: list[Path], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from line_inspector.training import retrain as module

    trained: list[set[str]] = []
    train_model = module.train_model

    def spy(good: object, *arguments: object, **more: object) -> object:
        trained.append({path.name for path in good.paths})
        return train_model(good, *arguments, **more)

    monkeypatch.setattr(module, "train_model", spy)
    run(frames, registry, steps=1)
    again = [path.rename(path.with_name(f"again-{path.name}")) for path in frames[::-1]]
    run(again, Registry(registry.folder.parent, "other"), steps=1)  # no parent, whose calibration frames are left out
    assert {f"again-{name}" for name in trained[0]} == trained[1]
    assert 12 <= len(trained[0]) <= 20


def test_a_picture_that_was_logged_under_many_ids_counts_once(frames: list[Path], registry: Registry) -> None:
    copies = [path.with_name(f"{number}-{path.name}") for path in frames for number in range(3)]
    for copy in copies:
        copy.write_bytes(frames[0].with_name(copy.name.split("-", 1)[1]).read_bytes())
    report = run([*frames, *copies], registry, steps=1)
    assert report.frames_trained + report.frames_tried == 24
    with pytest.raises(InputError, match="only 1 usable good frames of different parts"):
        run([path for path in copies if path.name.endswith(frames[0].name)] * 8, registry, steps=1)


def test_frames_that_set_the_threshold_are_handed_on_and_never_trained_on(
    frames: list[Path], registry: Registry
) -> None:
    first = run(frames, registry, steps=40)
    assert first.promotion.promoted, first
    handed_on = read_calibration_frames(registry.current)
    assert len(handed_on) >= 2
    second = run(frames, registry, steps=1)
    assert second.frames_trained + second.frames_tried == 24 - len(handed_on)
    if second.promotion.promoted:
        assert np.array_equal(read_calibration_frames(registry.current), handed_on)


def test_a_stop_after_the_training_publishes_nothing_either(
    frames: list[Path], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from line_inspector.training import contest

    stopped: list[bool] = []
    tried = contest.try_engine

    def stop_in_the_trial(*arguments: object) -> object:
        stopped.append(True)
        return tried(*arguments)

    monkeypatch.setattr(contest, "try_engine", stop_in_the_trial)
    report = run(frames, registry, steps=40, cancelled=lambda: bool(stopped))
    assert report.candidate and "stopped" in report.promotion.reasons[0]
    assert registry.in_service() is None


def test_too_few_frames_end_in_one_line(frames: list[Path], registry: Registry) -> None:
    with pytest.raises(InputError, match="only 5 usable good frames"):
        run(frames[:5], registry, steps=1)
    assert_nothing_left(registry)


def test_a_second_retraining_at_once_is_refused(frames: list[Path], registry: Registry) -> None:
    refusals: list[InputError] = []

    def meanwhile(_progress: object) -> None:
        if not refusals:
            with pytest.raises(InputError, match="under way") as refused:
                run(frames, registry, steps=1)
            refusals.append(refused.value)

    run(frames, registry, steps=1, on_progress=meanwhile)
    assert refusals


def test_what_a_killed_retraining_left_is_removed(frames: list[Path], registry: Registry) -> None:
    left = registry.folder / ".candidate-old"
    left.mkdir(parents=True)
    (left / "weights.safetensors").write_bytes(b"x")
    run(frames, registry, steps=1)
    assert not left.exists()


def test_a_damaged_model_in_service_ends_in_one_line(
    frames: list[Path], registry: Registry, tmp_path: Path, write_tiny_model: Callable[..., Path]
) -> None:
    registry.publish(write_tiny_model(tmp_path / "v1", version="v1"))
    (registry.folder / "v1" / "weights.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="sha256"):
        run(frames, registry, steps=1)


def test_frames_that_cannot_keep_the_promise_skip_the_night_and_nothing_is_lost(
    frames: list[Path], registry: Registry
) -> None:
    with pytest.raises(
        InputError, match=r"^logged frames: 24 different .* cannot promise 2\.00% .*: that takes about 13\d\."
    ):
        retrain(frames, registry, replace(OPTIONS, false_reject_rate=0.02), Budget(steps=1))
    first = run(frames, registry, steps=40)
    assert first.promotion.promoted, first
    promised = replace(OPTIONS, false_reject_rate=None)
    handed_on = {image.tobytes() for image in read_calibration_frames(registry.current)}
    fresh = [frame for frame in frames if read_images([frame], 64).tobytes() not in handed_on]
    with pytest.raises(
        InputError, match=r"cannot promise 25\.00% .* training\.false_reject_rate to 0\.334"
    ):  # what the model in service promises
        retrain(fresh[:12], registry, promised, Budget(steps=1))
    assert registry.in_service() == first.version
    assert all(frame.exists() for frame in frames)
    assert_nothing_left(registry)
    again = retrain(frames, registry, promised, Budget(steps=1))
    assert again.candidate.promised_false_reject_rate <= 0.25
