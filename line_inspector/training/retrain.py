"""The core of the nightly loop: train a candidate on logged good frames, try it, and publish it if it is not worse."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from line_inspector.errors import InputError
from line_inspector.file_lock import held_lock
from line_inspector.inference.model_directory import read_architecture, read_manifest
from line_inspector.training.budget import Budget
from line_inspector.training.contest import STOPPED, Contest, hold_contest
from line_inspector.training.logged_frames import (
    hold_out_for_trial,
    read_logged_frames,
    require_enough,
    trial_images,
)
from line_inspector.training.model_training import train_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.progress import Progress
from line_inspector.training.promotion import Promotion, Trial
from line_inspector.training.registry import Registry

CANDIDATE = ".candidate-"
LOCK = ".retrain.lock"


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
        good, unreadable = read_logged_frames(frames, parent, options.architecture.image_size_px)
        training, trial = hold_out_for_trial(good)
        require_enough(good, training, parent, options.false_reject_rate)
        model = folder / "model"
        manifest = train_model(
            training, model, options, budget, parent=parent, on_progress=on_progress, cancelled=cancelled
        )
        contest = Contest()
        if not cancelled():
            contest = hold_contest(model, parent, registry, trial_images(trial, options), options)
        promotion = _unless_overtaken(contest.verdict, registry, parent, cancelled)
        if promotion.promoted:
            registry.publish(model)
    return RetrainReport(
        version=manifest.version,
        promotion=promotion,
        candidate=contest.candidate,
        in_service=contest.in_service,
        chosen=contest.chosen,
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
        with held_lock(registry_folder / LOCK, wait=False):
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
    promotion: Promotion, registry: Registry, parent: Path | None, cancelled: Callable[[], bool]
) -> Promotion:
    """A stopped training publishes nothing, nor does one whose parent was taken out of service meanwhile."""
    if cancelled():
        return STOPPED
    if registry.in_service() != (None if parent is None else parent.name):
        return Promotion(False, ("Another model came into service during the training.",))
    return promotion
