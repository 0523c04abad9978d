"""From good images to a finished model directory: build, fit, calibrate, write. What `train` and `retrain` call."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.inference.manifest import Manifest, decode_manifest, encode_manifest
from line_inspector.inference.model_directory import (
    read_calibration_frames,
    read_manifest,
    read_tiling,
    require_writable,
    write_model_directory,
)
from line_inspector.inference.signed_directory import refuse_existing
from line_inspector.model.adps import ADPS
from line_inspector.training.budget import Budget
from line_inspector.training.calibrate import calibrate
from line_inspector.training.checkpoint import CheckpointFolder
from line_inspector.training.fit import Fitted, Requests, fit
from line_inspector.training.good_frames import GoodFrames
from line_inspector.training.learner import Learner
from line_inspector.training.model_building import build_forger, build_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.origin import Origin, origin_of
from line_inspector.training.outcome import Outcome, maps_of
from line_inspector.training.progress import Progress
from line_inspector.training.promise import Promise, promise_for
from line_inspector.training.prototype_fitting import fit_prototypes
from line_inspector.training.report import report_page
from line_inspector.training.samples import Batch, Sampler
from line_inspector.training.selection import forged_choice_set, image_heats
from line_inspector.training.splits import Split, split_good_images
from line_inspector.training.team import ALONE, Team
from line_inspector.training.tiles import Tiles

GOLDEN_FRAMES = 4
MOST_HANDED_ON = 200  # calibration frames: four times what 2 % false rejects take; more where the promise takes more
HANDED_ON_TILE_BYTES = 150_000
REPORTED_SAMPLES = 30  # about half of them are forged
WRITING_S = 4.0
PROBES = 3  # the quickest counts: another program may have run beside one of them


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
    handed_on = good.pixels[:0] if parent is None else read_calibration_frames(parent)
    promise = _promise(good, options, parent, len(handed_on))
    torch.manual_seed(options.seed)
    model, source = build_model(options, parent)
    options = replace(options, architecture=model.architecture)
    _require_view(good, options, parent)
    require_writable(out, _size_bytes(model, good, promise, checkpoint))
    material = _material(good, options, promise, handed_on, team)
    if parent is None:  # else the parent's stay, as its teacher does: the child starts as the very same model
        fit_prototypes(model, material.tiles, options.seed)
    team.take_from_leader(model.state_dict().values())
    budget.reserve_s = _measure_reserve_s(model, material)
    budget.count_steps(len(material.tiles), options.batch_size)
    learner = Learner(model, options, team)
    origin = origin_of(good, material.sampler.forger, options, budget, parent)
    requests = _begin(learner, budget, origin, checkpoint, Requests(on_progress, cancelled, paused))
    fitted = fit(learner, material.sampler, material.choice_set, budget, requests)
    if fitted is None:
        return decode_manifest(team.bytes_of_leader(b""))
    lineage = {
        "parent": None if parent is None else read_manifest(parent).version,
        "weights_source": source,
        "texture_source": material.sampler.forger.texture_source,
        "seconds": round(budget.seconds_used(), 1),
        "processes": team.size,
        **_lineage_of_fit(model, material.split, fitted, options),
    }
    manifest = _finish(out, model, material, fitted, options, lineage, version)
    if checkpoint is not None and fitted.ended_by != "cancelled":
        checkpoint.remove()
    return decode_manifest(team.bytes_of_leader(encode_manifest(manifest)))


@dataclass(frozen=True)
class _Material:
    """What a model is made of: good images, each with one job, and what is forged on them."""

    good: GoodFrames
    tiles: Tiles  # of the frames that are trained on
    split: Split
    promise: Promise
    handed_on: NDArray[np.uint8]  # calibration frames of the parent, by which every later model is calibrated as well
    sampler: Sampler
    choice_set: Batch

    @property
    def held_out(self) -> NDArray[np.uint8]:
        """Good images that calibrate the model, (N, H, W, 3): its promise is of frames, not of tiles."""
        return self.good.pixels[self.split.calibration]


def _material(
    good: GoodFrames, options: TrainingOptions, promise: Promise, handed_on: NDArray[np.uint8], team: Team
) -> _Material:
    split = split_good_images(good.pixels, options.held_out_share, options.choice_share, promise.images)
    forger = build_forger(good, split.train, options)
    part = team.part(options.batch_size)
    tiles = Tiles(good.pixels, tuple(split.train), good.tiling)
    for_choice = Tiles(good.pixels, tuple(split.choice), good.tiling)
    return _Material(
        good=good,
        tiles=tiles,
        split=split,
        promise=promise,
        handed_on=handed_on,
        sampler=Sampler(tiles, forger, options.batch_size, options.seed, part, tiles.within),
        choice_set=forged_choice_set(for_choice, forger, options.seed, for_choice.within),
    )


def _finish(
    out: Path,
    model: ADPS,
    material: _Material,
    fitted: Fitted,
    options: TrainingOptions,
    lineage: dict[str, Any],
    version: str | None,
) -> Manifest:
    """Calibrate, report, write."""
    promise, handed_on, tiling = material.promise, material.handed_on, material.good.tiling
    heats = image_heats(model, material.held_out, tiling)
    scale, calibration = calibrate(heats, image_heats(model, handed_on, tiling), promise)
    calibrating = handed_on if len(handed_on) else material.held_out[: _most_handed_on(material.good, promise)]
    outcome = Outcome(
        name=version or out.name,
        fitted=fitted,
        calibration=calibration,
        split=material.split,
        remark=promise.remark,
        good_scores=scale.apply(torch.from_numpy(heats.max(axis=1))).tolist(),
        choice_set=material.choice_set,
        maps=scale.apply(maps_of(model, material.choice_set.images)).numpy(),
        samples=replace(material.sampler, batch_size=REPORTED_SAMPLES, part=slice(None)).batch(0),
        lineage=lineage,
        images_learned_from=len(material.tiles),
    )
    return write_model_directory(
        out,
        model,
        threshold=calibration.threshold,
        pixel_threshold=calibration.pixel_threshold,
        scale=scale,
        golden_frames=[material.good.frame(index) for index in material.split.calibration[:GOLDEN_FRAMES]],
        calibration_frames=list(calibrating),
        version=version,
        calibration=calibration.as_record(),
        lineage=lineage,
        metrics={"forged_image_auroc": fitted.mark.image_auroc, "forged_pixel_ap": fitted.mark.pixel_ap},
        report=report_page(outcome),
        tiling=tiling,
    )


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


def _seconds(work: Callable[[], object]) -> float:
    started_s = time.monotonic()
    work()
    return time.monotonic() - started_s


def _most_handed_on(good: GoodFrames, promise: Promise) -> int:
    """Frames of many tiles are large, so fewer of them go into every model, but no fewer than the promise takes."""
    return max(MOST_HANDED_ON // good.tiling.count, promise.images)


def _size_bytes(model: ADPS, good: GoodFrames, promise: Promise, checkpoint: CheckpointFolder | None) -> int:
    """About what the model directory will take, and two checkpoints of four such states each, with room to spare."""
    states = 2 if checkpoint is None else 10
    frame_bytes = HANDED_ON_TILE_BYTES * good.tiling.view.rows * good.tiling.view.columns
    of_frames = 2 * _most_handed_on(good, promise) * frame_bytes
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


def _measure_reserve_s(model: ADPS, material: _Material) -> float:
    """How long the last look, the calibration, the report and the writing will take, with a margin."""
    tiling = material.good.tiling
    probe = material.good.pixels[[0] * max(1, 8 // tiling.count)]
    image_heats(model, probe, tiling)
    probes_s = min(_seconds(lambda: image_heats(model, probe, tiling)) for _ in range(PROBES))
    frames = len(material.held_out) + len(material.handed_on) + GOLDEN_FRAMES
    tiles = 2 * len(material.choice_set.images) + frames * tiling.count  # the last look, the report's, the calibration
    return WRITING_S + 2.0 * tiles * probes_s / (len(probe) * tiling.count)


def _lineage_of_fit(model: ADPS, split: Split, fitted: Fitted, options: TrainingOptions) -> dict[str, Any]:
    return {
        "seed": options.seed,
        "images": sum(len(part) for part in split),
        "images_trained_on": len(split.train),
        "images_for_choice": len(split.choice),
        "steps": fitted.steps,
        "best_step": fitted.best_step,
        "ended_by": fitted.ended_by,
        "options": options.as_record(),
        "device": model.mean.device.type,
        "versions": {"torch": str(torch.__version__), "timm": timm.__version__, "numpy": np.__version__},
    }
