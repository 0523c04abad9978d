"""The core of the nightly loop: train a candidate on logged good frames, try it, and publish it if it is not worse."""

import fcntl
import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from line_inspector.errors import InputError
from line_inspector.images import read_image
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.model_directory import read_architecture, read_manifest
from line_inspector.inference.preprocess import to_model_input
from line_inspector.training.budget import Budget
from line_inspector.training.good_frames import FEWEST_IMAGES, GoodFrames
from line_inspector.training.model_building import build_forger
from line_inspector.training.model_training import train_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.progress import Progress
from line_inspector.training.promotion import Promotion, Trial, judge
from line_inspector.training.registry import Registry
from line_inspector.training.samples import Batch, to_batch
from line_inspector.training.selection import forged_choice_set
from line_inspector.training.trial import try_engine

TRIAL_SHARE = 0.2
FEWEST_TRIAL_FRAMES = 4
MOST_TRIAL_FRAMES = 100
CANDIDATE = ".candidate-"
LOCK = ".retrain.lock"


@dataclass(frozen=True)
class RetrainReport:
    """What a retraining did. `in_service` is the trial of the model it was measured against, None without one.

    `unreadable` names logged frames that were left out because they are gone or damaged.
    """

    version: str
    promotion: Promotion
    candidate: Trial
    in_service: Trial | None
    in_service_version: str | None
    frames_trained: int
    frames_tried: int
    unreadable: tuple[str, ...]
    seconds: float


def retrain(
    frames: Sequence[Path],
    registry: Registry,
    options: TrainingOptions,
    budget: Budget,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancelled: threading.Event | None = None,
) -> RetrainReport:
    """Train on logged good `frames`, starting from the model in service, and publish if the result is not worse.

    One frame in five, chosen by its name so that it is nearly the same one every night, is never trained on but tried.
    Setting `cancelled` ends the training; nothing is published then. The architecture of the model in service counts
    before that in `options`. Raises InputError for too few frames, a second retraining at once, or what `train_model`
    raises.
    """
    cancelled = cancelled or threading.Event()
    with _candidate_folder(registry.folder) as folder:
        parent, options = _parent(registry, options)
        good, unreadable = _read_usable(frames, options.architecture.image_size_px)
        training, trial = _hold_out(good)
        manifest = train_model(
            training, folder / "model", options, budget, parent=parent, on_progress=on_progress, cancelled=cancelled
        )
        images = _trial_images(trial, options)
        candidate = try_engine(load_verified_engine(folder / "model", options.device), images)
        before = None if parent is None else try_engine(load_verified_engine(parent, options.device), images)
        promotion = _unless_overtaken(judge(candidate, before), registry, parent, cancelled)
        if promotion.promoted:
            registry.publish(folder / "model")
    return RetrainReport(
        version=manifest.version,
        promotion=promotion,
        candidate=candidate,
        in_service=before,
        in_service_version=None if parent is None else parent.name,
        frames_trained=len(training),
        frames_tried=len(trial),
        unreadable=unreadable,
        seconds=round(budget.seconds_used(), 1),
    )


@contextmanager
def _candidate_folder(registry_folder: Path) -> Iterator[Path]:
    """A folder for the candidate beside the models; one retraining at a time, leftovers of a killed one removed."""
    try:
        registry_folder.mkdir(parents=True, exist_ok=True)
        with (registry_folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in registry_folder.glob(f"{CANDIDATE}*"):
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=CANDIDATE, dir=registry_folder) as folder:
                yield Path(folder)
    except BlockingIOError as e:
        raise InputError("a retraining is under way", str(registry_folder), "Wait for its end.") from e
    except OSError as e:
        raise InputError(f"cannot be written ({e.strerror})", str(registry_folder), "Check space and rights.") from e


def _parent(registry: Registry, options: TrainingOptions) -> tuple[Path | None, TrainingOptions]:
    """The model in service and the options with its architecture; None where none is."""
    version = registry.in_service()
    if version is None:
        return None, options
    folder = registry.folder / version
    try:
        architecture = read_architecture(read_manifest(folder))
    except ValueError as e:
        raise InputError(f"architecture cannot be read: {e}", str(folder), "Roll back to another version.") from e
    return folder, replace(options, architecture=architecture)


def _unless_overtaken(
    promotion: Promotion, registry: Registry, parent: Path | None, cancelled: threading.Event
) -> Promotion:
    """A stopped training publishes nothing, nor does one whose parent was taken out of service meanwhile."""
    if cancelled.is_set():
        return Promotion(False, ("The training was stopped before its end.",))
    if registry.in_service() != (None if parent is None else parent.name):
        return Promotion(False, ("Another model came into service during the training.",))
    return promotion


def _read_usable(paths: Sequence[Path], size_px: int) -> tuple[GoodFrames, tuple[str, ...]]:
    """Read logged frames; those that retention has removed meanwhile, or the disk has damaged, are named."""
    read, pixels, unreadable = [], [], []
    for path in paths:
        try:
            pixels.append(to_model_input(read_image(path), size_px).transpose(1, 2, 0))
            read.append(path)
        except InputError:
            unreadable.append(path.name)
    fewest = FEWEST_IMAGES + FEWEST_TRIAL_FRAMES
    if len(read) < fewest:
        raise InputError(
            f"only {len(read)} usable good frames, {len(unreadable)} unreadable", "archive", f"Log at least {fewest}."
        )
    return GoodFrames(tuple(read), np.stack(pixels)), tuple(unreadable)


def _hold_out(good: GoodFrames) -> tuple[GoodFrames, GoodFrames]:
    """Split into frames to train on and frames to try on: those whose names have the lowest hashes."""
    order = sorted(range(len(good)), key=lambda i: hashlib.sha256(good.paths[i].name.encode()).digest())
    count = max(FEWEST_TRIAL_FRAMES, round(TRIAL_SHARE * len(good)))
    return _part(good, sorted(order[count:])), _part(good, sorted(order[:count][:MOST_TRIAL_FRAMES]))


def _part(good: GoodFrames, indices: list[int]) -> GoodFrames:
    return GoodFrames(tuple(good.paths[i] for i in indices), good.pixels[indices])


def _trial_images(trial: GoodFrames, options: TrainingOptions) -> Batch:
    """Every held-out frame as it is, and forged defects on some of them."""
    forger = build_forger(trial, list(range(len(trial))), options)
    forged = forged_choice_set(trial.pixels, forger, options.seed)
    is_forged = forged.masks.flatten(1).any(dim=1)
    good = to_batch(list(trial.pixels), [np.zeros(trial.pixels.shape[1:3], np.bool_)] * len(trial))
    return Batch(torch.cat([good.images, forged.images[is_forged]]), torch.cat([good.masks, forged.masks[is_forged]]))
