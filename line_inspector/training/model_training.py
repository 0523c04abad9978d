"""From good images to a finished model directory: build, fit, calibrate, write. What `train` and `retrain` call."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from line_inspector.errors import InputError
from line_inspector.inference.manifest import Manifest, decode_manifest, encode_manifest
from line_inspector.inference.model_directory import (
    read_calibration_frames,
    read_manifest,
    read_tiling,
    require_writable,
)
from line_inspector.inference.signed_directory import refuse_existing
from line_inspector.model.adps import ADPS
from line_inspector.training.budget import Budget
from line_inspector.training.checkpoint import CheckpointFolder
from line_inspector.training.finish import finish
from line_inspector.training.fit import Requests, fit
from line_inspector.training.good_frames import GoodFrames
from line_inspector.training.learner import Learner
from line_inspector.training.lineage import lineage_of
from line_inspector.training.material import Material, gather_material, most_handed_on
from line_inspector.training.model_building import build_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.origin import Origin, origin_of
from line_inspector.training.progress import Progress
from line_inspector.training.promise import Promise, promise_for
from line_inspector.training.prototype_fitting import fit_prototypes
from line_inspector.training.reserve import measure_reserve_s
from line_inspector.training.team import ALONE, Team

HANDED_ON_TILE_BYTES = 150_000


def train_model(
    good: GoodFrames,
    out: Path,
    options: TrainingOptions,
    budget: Budget,
    *,
    parent: Path | None = None,
    version: str | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
    paused: Callable[[], bool] = lambda: False,
    checkpoint: CheckpointFolder | None = None,
    team: Team = ALONE,
) -> Manifest:
    """Train on `good` within `budget`, calibrate, and write the new model directory `out`; returns its manifest.

    The model looks at what `good` was read with. `parent`: a model directory to start from instead of the backbone's
    ImageNet weights (the nightly loop); its architecture is then the new model's, `good` must be read as it looks at
    frames (`read_tiling`), and the frames that were handed on with it calibrate, too. `cancelled` is
    asked before every step and ends the training; the best model so far is calibrated and written all the same.
    `paused` ends it, too, but nothing is written besides the checkpoint. Where `checkpoint` holds one, the training
    goes on from it; it is removed when a training that was not cancelled has written its model. `team`: the processes
    that train it together, all of which call this alike.
    Raises InputError for unusable weights, options or folders, and for a promise that takes more images, before the
    training where that can be known, and TrainingPausedError when paused.
    """
    refuse_existing(out)
    torch.manual_seed(options.seed)
    prepared = _prepare(good, out, options, parent, checkpoint, team)
    model, material = prepared.model, prepared.material
    budget.reserve_s = measure_reserve_s(model, material)
    budget.count_steps(len(material.tiles), options.batch_size)
    learner = Learner(model, prepared.options, team)
    origin = origin_of(good, material.sampler.forger, prepared.options, budget, parent)
    requests = _begin(learner, budget, origin, checkpoint, Requests(on_progress, cancelled, paused))
    fitted = fit(learner, material.sampler, material.choice_set, budget, requests)
    if fitted is None:
        return decode_manifest(team.bytes_of_leader(b""))
    source = prepared.weights_source
    lineage = lineage_of(learner, material, fitted, budget, parent=parent, weights_source=source)
    manifest = finish(out, model, material, fitted, lineage, version)
    if checkpoint is not None and fitted.ended_by != "cancelled":
        checkpoint.remove()
    return decode_manifest(team.bytes_of_leader(encode_manifest(manifest)))


class _Prepared(NamedTuple):
    """All that the first step needs; `options` have the model's architecture."""

    model: ADPS
    weights_source: str
    options: TrainingOptions
    material: Material


def _prepare(
    good: GoodFrames,
    out: Path,
    options: TrainingOptions,
    parent: Path | None,
    checkpoint: CheckpointFolder | None,
    team: Team,
) -> _Prepared:
    handed_on = good.pixels[:0] if parent is None else read_calibration_frames(parent)
    promise = _promise(good, options, parent, len(handed_on))
    model, source = build_model(options, parent)
    options = replace(options, architecture=model.architecture)
    _require_view(good, options, parent)
    require_writable(out, _size_bytes(model, good, promise, checkpoint))
    material = gather_material(good, options, promise, handed_on, team)
    if parent is None:  # else the parent's stay, as its teacher does: the child starts as the very same model
        fit_prototypes(model, material.tiles, options.seed)
    team.take_from_leader([*model.state_dict().values(), *model.novelty_sources()])
    return _Prepared(model, source, options, material)


def _begin(
    learner: Learner, budget: Budget, origin: Origin, checkpoint: CheckpointFolder | None, requests: Requests
) -> Requests:
    """The first step, or the next one of a training that was interrupted; what was asked, and to write checkpoints."""
    budget.begin_steps()
    if checkpoint is None:
        return requests
    if learner.team.as_leader(checkpoint.exists):
        packed = learner.team.bytes_of_leader(checkpoint.read() if learner.team.leads else b"")
        checkpoint.restore(packed, learner, origin, budget)
    save = partial(checkpoint.save, learner, origin, budget)
    return replace(requests, save=save, save_is_due=lambda: checkpoint.is_due)


def _require_view(good: GoodFrames, options: TrainingOptions, parent: Path | None) -> None:
    size_px, expected_px = good.tiling.size_px, options.architecture.image_size_px
    if size_px != expected_px:
        what = f"the images were brought to {size_px} px, the model takes {expected_px} px"
        raise InputError(what, "training", f"Read them at {expected_px} px.")
    if parent is not None and read_tiling(parent) != good.tiling:
        what = "its region of interest, tiles and foreground are not those that the images were read with"
        raise InputError(what, str(parent), "Read them as it looks at frames.")


def _size_bytes(model: ADPS, good: GoodFrames, promise: Promise, checkpoint: CheckpointFolder | None) -> int:
    """About what the model directory will take, and two checkpoints of four such states each, with room to spare."""
    states = 2 if checkpoint is None else 10
    frame_bytes = HANDED_ON_TILE_BYTES * good.tiling.view.rows * good.tiling.view.columns
    of_frames = 2 * most_handed_on(good, promise) * frame_bytes
    return int(states * sum(tensor.nbytes for tensor in model.state_dict().values()) + of_frames)


def _promise(good: GoodFrames, options: TrainingOptions, parent: Path | None, handed_on: int) -> Promise:
    """What the model will promise. Raises InputError where the images cannot support it."""
    before = None if parent is None else read_manifest(parent).calibration.get("false_reject_rate")
    return promise_for(
        len(good),
        options.false_reject_rate,
        options.outlined_share,
        handed_on=handed_on or None,
        promised_before=before,
    )
