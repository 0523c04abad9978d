"""From good images to a finished model directory: build, fit, calibrate, write. What `train` and `retrain` call."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch

from line_inspector.errors import InputError
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.model_directory import (
    read_calibration_frames,
    read_manifest,
    require_writable,
    write_model_directory,
)
from line_inspector.inference.signed_directory import refuse_existing
from line_inspector.model.adps import ADPS
from line_inspector.training.budget import Budget
from line_inspector.training.calibrate import calibrate
from line_inspector.training.fit import Fitted, fit
from line_inspector.training.good_frames import GoodFrames
from line_inspector.training.model_building import build_forger, build_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.progress import Progress
from line_inspector.training.promise import Promise, promise_for
from line_inspector.training.prototype_fitting import fit_prototypes
from line_inspector.training.selection import image_heats, looks_at
from line_inspector.training.splits import Split, split_good_images

GOLDEN_FRAMES = 4
MOST_HANDED_ON = 200  # calibration frames: four times what 2 % false rejects take; more where the promise takes more
HANDED_ON_FRAME_BYTES = 150_000
WRITING_S = 3.0
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
) -> Manifest:
    """Train on `good` within `budget`, calibrate, and write the new model directory `out`; returns its manifest.

    `parent`: a model directory to start from instead of the backbone's ImageNet weights (the nightly loop); its
    architecture is then the new model's, and the frames that were handed on with it calibrate, too. `cancelled` is
    asked before every step and ends the training; the best model so far is calibrated and written all the same.
    Raises InputError for unusable weights, options or folders, and for a promise that takes more images, before the
    training where that can be known.
    """
    refuse_existing(out)
    handed_on = good.pixels[:0] if parent is None else read_calibration_frames(parent)
    promise = _promise(good, options, parent, len(handed_on))
    torch.manual_seed(options.seed)
    model, source = build_model(options, parent)
    options = replace(options, architecture=model.architecture)
    _require_size(good, options)
    require_writable(out, _size_bytes(model, promise))
    split = split_good_images(good.pixels, options.held_out_share, options.choice_share, promise.images)
    held_out = good.pixels[split.calibration]
    fit_prototypes(model, good.pixels[split.train], options.seed)
    forger = build_forger(good, split.train, options)
    budget.reserve_s = _measure_reserve_s(model, good, len(split.choice), len(held_out) + len(handed_on))
    fitted = fit(model, good, split, forger, options, budget, on_progress, cancelled)
    scale, calibration = calibrate(image_heats(model, held_out), image_heats(model, handed_on), promise)
    return write_model_directory(
        out,
        model,
        threshold=calibration.threshold,
        pixel_threshold=calibration.pixel_threshold,
        scale=scale,
        golden_frames=[good.frame(index) for index in split.calibration[:GOLDEN_FRAMES]],
        calibration_frames=list(handed_on if len(handed_on) else held_out[: max(MOST_HANDED_ON, promise.images)]),
        version=version,
        calibration=calibration.as_record(),
        lineage={
            "parent": None if parent is None else read_manifest(parent).version,
            "weights_source": source,
            "texture_source": forger.texture_source,
            "seconds": round(budget.seconds_used(), 1),
            **_lineage_of_fit(model, split, fitted, options),
        },
        metrics={"forged_image_auroc": fitted.mark.image_auroc, "forged_pixel_ap": fitted.mark.pixel_ap},
    )


def _require_size(good: GoodFrames, options: TrainingOptions) -> None:
    size_px, expected_px = good.pixels.shape[1], options.architecture.image_size_px
    if size_px != expected_px:
        what = f"the images were brought to {size_px} px, the model takes {expected_px} px"
        raise InputError(what, "training", f"Read them at {expected_px} px.")


def _seconds(work: Callable[[], object]) -> float:
    started_s = time.monotonic()
    work()
    return time.monotonic() - started_s


def _size_bytes(model: ADPS, promise: Promise) -> int:
    """About what the model directory will take, with room to spare."""
    frames = max(MOST_HANDED_ON, promise.images)
    return int(2 * sum(tensor.nbytes for tensor in model.state_dict().values()) + 2 * frames * HANDED_ON_FRAME_BYTES)


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


def _measure_reserve_s(model: ADPS, good: GoodFrames, for_choice: int, for_calibration: int) -> float:
    """How long the last look, the calibration and the writing will take, with a margin."""
    probe = good.pixels[[0] * 8]
    image_heats(model, probe)
    per_image_s = min(_seconds(lambda: image_heats(model, probe)) for _ in range(PROBES)) / len(probe)
    images = looks_at(for_choice) + for_calibration + GOLDEN_FRAMES
    return WRITING_S + 2.0 * per_image_s * images


def _lineage_of_fit(model: ADPS, split: Split, fitted: Fitted, options: TrainingOptions) -> dict[str, Any]:
    return {
        "seed": options.seed,
        "images": sum(len(part) for part in split),
        "images_trained_on": len(split.train),
        "images_for_choice": len(split.choice),
        "steps": fitted.steps,
        "best_step": fitted.best_step,
        "stopped_early": fitted.stopped_early,
        "options": options.as_record(),
        "device": model.mean.device.type,
        "versions": {"torch": str(torch.__version__), "timm": timm.__version__, "numpy": np.__version__},
    }
