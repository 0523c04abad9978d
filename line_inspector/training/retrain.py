"""The core of the nightly loop: train a candidate on logged good frames, try it, and publish it if it is not worse."""

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.images import read_image
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.model_directory import (
    read_architecture,
    read_calibration_frames,
    read_manifest,
    read_tiling,
)
from line_inspector.inference.preprocess import to_model_input
from line_inspector.inference.tiling import Tiling
from line_inspector.inference.view import WHOLE
from line_inspector.training.budget import Budget
from line_inspector.training.good_frames import FEWEST_IMAGES, GoodFrames
from line_inspector.training.model_building import build_forger
from line_inspector.training.model_training import train_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.progress import Progress
from line_inspector.training.promise import USUAL_RATE
from line_inspector.training.promotion import Promotion, Trial, judge
from line_inspector.training.region_forging import RegionForger
from line_inspector.training.registry import Registry
from line_inspector.training.samples import Batch, to_batch
from line_inspector.training.selection import forged_choice_set
from line_inspector.training.splits import different, hold_out
from line_inspector.training.trial import try_engine

TRIAL_SHARE = 0.2
FEWEST_TRIAL_FRAMES = 4
MOST_TRIAL_FRAMES = 100
CANDIDATE = ".candidate-"
LOCK = ".retrain.lock"
STOPPED = Promotion(False, ("The training was stopped before its end.",))


@dataclass(frozen=True)
class RetrainReport:
    """What a retraining did. `candidate` is its trial, None when it was stopped before.

    `in_service` is the trial of the model it was measured against, None without one. `chosen` is that of the model at
    the root of the lineage, which a person put into service, where that is another one.
    `unreadable` names logged frames that were left out because they are gone or damaged.
    """

    version: str
    promotion: Promotion
    candidate: Trial | None
    in_service: Trial | None
    chosen: Trial | None
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
    cancelled: Callable[[], bool] = lambda: False,
) -> RetrainReport:
    """Train on logged good `frames`, starting from the model in service, and publish if the result is not worse.

    One frame in five, chosen by its pixels so that it is the same one every night, is never trained on but tried. The
    candidate must not be worse than the model in service, nor than the one that a person chose, from which all later
    ones descend: a little worse each night would add up. Nor may it promise less than its parent, unless the options
    name a rate. `cancelled` is asked before every step, and once more before anything is published; nothing is then.
    The architecture of the model in service counts before that in `options`, and its child looks at what it looks at.
    Raises InputError for too few frames, or too few for the promise, a second retraining at once, or what `train_model`
    raises; nothing has changed then.
    """
    with _candidate_folder(registry.folder) as folder:
        parent, options = _parent(registry, options)
        handed_on = [] if parent is None else list(read_calibration_frames(parent))
        size_px = options.architecture.image_size_px
        good, unreadable = _read_usable(
            frames, Tiling(WHOLE, size_px) if parent is None else read_tiling(parent), handed_on
        )
        training, trial = _hold_out(good)
        manifest = train_model(
            training, folder / "model", options, budget, parent=parent, on_progress=on_progress, cancelled=cancelled
        )
        rivals = [folder / "model", parent, _root(registry, parent)]
        candidate, before, chosen = _trials([] if cancelled() else rivals, _trial_images(trial, options), options)
        promotion = STOPPED if candidate is None else _judged(candidate, before, chosen)
        promotion = _unless_overtaken(promotion, registry, parent, cancelled)
        if promotion.promoted:
            registry.publish(folder / "model")
    return RetrainReport(
        version=manifest.version,
        promotion=promotion,
        candidate=candidate,
        in_service=before,
        chosen=chosen,
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


def _root(registry: Registry, parent: Path | None) -> Path | None:
    """The oldest ancestor of `parent` that is still in the registry; None where that is `parent` itself."""
    folder, seen = parent, {parent}
    while folder is not None:
        version = read_manifest(folder).lineage.get("parent")
        older = registry.folder / str(version)
        if version is None or older in seen or not older.is_dir():
            break
        seen.add(older)
        folder = older
    return None if folder == parent else folder


def _trials(folders: Sequence[Path | None], images: Batch, options: TrainingOptions) -> list[Trial | None]:
    """How candidate, model in service and chosen model do; None for one that is not there or not asked for."""
    trials = [None if folder is None else _tried(folder, images, options) for folder in folders]
    return trials + [None] * (3 - len(trials))


def _tried(folder: Path, images: Batch, options: TrainingOptions) -> Trial:
    promised = read_manifest(folder).calibration.get("false_reject_rate", USUAL_RATE)
    return try_engine(load_verified_engine(folder, options.device), images, float(promised))


def _judged(candidate: Trial, before: Trial | None, chosen: Trial | None) -> Promotion:
    promotion = judge(candidate, before)
    if chosen is None or not promotion.promoted:
        return promotion
    against_chosen = judge(candidate, chosen)
    if against_chosen.promoted:
        return promotion
    return Promotion(False, ("It is worse than the model that was chosen by hand.", *against_chosen.reasons))


def _unless_overtaken(
    promotion: Promotion, registry: Registry, parent: Path | None, cancelled: Callable[[], bool]
) -> Promotion:
    """A stopped training publishes nothing, nor does one whose parent was taken out of service meanwhile."""
    if cancelled():
        return STOPPED
    if registry.in_service() != (None if parent is None else parent.name):
        return Promotion(False, ("Another model came into service during the training.",))
    return promotion


def _read_usable(
    paths: Sequence[Path], tiling: Tiling, handed_on: Sequence[NDArray[np.uint8]]
) -> tuple[GoodFrames, tuple[str, ...]]:
    """Read logged frames, each picture once, without those that are handed on for calibration.

    Those that retention has removed meanwhile, or the disk has damaged, are named.
    """
    read, pixels, unreadable = [], [], []
    for path in paths:
        try:
            pixels.append(to_model_input(read_image(path), tiling.size_px, tiling.view).transpose(1, 2, 0))
            read.append(path)
        except InputError:
            unreadable.append(path.name)
    usable = different(pixels, besides=handed_on)
    fewest = FEWEST_IMAGES + FEWEST_TRIAL_FRAMES
    if len(usable) < fewest:
        what = f"only {len(usable)} usable good frames of different parts, {len(unreadable)} unreadable"
        raise InputError(what, "archive", f"Log at least {fewest}.")
    kept = tuple(read[i] for i in usable)
    return GoodFrames(kept, np.stack([pixels[i] for i in usable]), tiling), tuple(unreadable)


def _hold_out(good: GoodFrames) -> tuple[GoodFrames, GoodFrames]:
    """Split into frames to train on and frames to try on."""
    training, trial = hold_out(good.pixels, TRIAL_SHARE, FEWEST_TRIAL_FRAMES, len(good) // 2, "trial")
    return good.part(training), good.part(trial[:MOST_TRIAL_FRAMES])


def _trial_images(trial: GoodFrames, options: TrainingOptions) -> Batch:
    """Every held-out frame as it is, and forged defects on some of them."""
    forger = build_forger(trial, list(range(len(trial))), options)
    forged = forged_choice_set(trial.pixels, RegionForger(forger, trial.tiling), options.seed)
    is_forged = forged.masks.flatten(1).any(dim=1)
    good = to_batch(list(trial.pixels), [np.zeros(trial.pixels.shape[1:3], np.bool_)] * len(trial))
    return Batch(torch.cat([good.images, forged.images[is_forged]]), torch.cat([good.masks, forged.masks[is_forged]]))
