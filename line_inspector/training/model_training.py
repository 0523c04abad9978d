"""From good images to a finished model directory: build, fit, calibrate, write. What `train` and `retrain` call."""

import threading
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
from line_inspector.inference.model_directory import read_manifest, refuse_existing, write_model_directory
from line_inspector.model.adps import ADPS
from line_inspector.training.budget import Budget
from line_inspector.training.calibrate import calibrate
from line_inspector.training.fit import Fitted, fit
from line_inspector.training.good_frames import GoodFrames
from line_inspector.training.model_building import build_forger, build_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.progress import Progress
from line_inspector.training.selection import image_scores, looks_at
from line_inspector.training.splits import Split, split_good_images

GOLDEN_FRAMES = 4
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
    cancelled: threading.Event | None = None,
) -> Manifest:
    """Train on `good` within `budget`, calibrate, and write the new model directory `out`; returns its manifest.

    `parent`: a model directory to start from instead of the backbone's ImageNet weights (the nightly loop); its
    architecture is then the new model's. Setting `cancelled` from any thread ends the training after the step in
    hand; the best model so far is calibrated and written all the same.
    Raises InputError for unusable weights, options or folders, before the training where that can be known.
    """
    refuse_existing(out)
    torch.manual_seed(options.seed)
    model, source = build_model(options, parent)
    options = replace(options, architecture=model.architecture)
    _require_size(good, options)
    split = split_good_images(len(good), options.held_out_share, options.choice_share, options.seed)
    forger = build_forger(good, split.train, options)
    budget.reserve_s = _measure_reserve_s(model, good, split, options)
    fitted = fit(model, good, split, forger, options, budget, on_progress, cancelled or threading.Event())
    calibration = calibrate(image_scores(model, good.pixels[split.calibration]), options.false_reject_rate)
    return write_model_directory(
        out,
        model,
        threshold=calibration.threshold,
        golden_frames=[good.frame(index) for index in split.calibration[:GOLDEN_FRAMES]],
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


def _measure_reserve_s(model: ADPS, good: GoodFrames, split: Split, options: TrainingOptions) -> float:
    """How long the last look, the calibration and the writing will take, with a margin."""
    probe = good.pixels[split.choice[:1] * 8]
    image_scores(model, probe)
    per_image_s = min(_seconds(lambda: image_scores(model, probe)) for _ in range(PROBES)) / len(probe)
    images = looks_at(len(split.choice)) + len(split.calibration) + GOLDEN_FRAMES
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
