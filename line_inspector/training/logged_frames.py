"""Good frames that the line has logged: read as the model in service looks at them, some of them kept for the trial."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from line_inspector.errors import InputError
from line_inspector.images import read_image
from line_inspector.inference.model_directory import read_calibration_frames, read_manifest, read_tiling
from line_inspector.inference.preprocess import to_model_input
from line_inspector.inference.tiling import Tiling
from line_inspector.inference.view import WHOLE
from line_inspector.training.good_frames import FEWEST_IMAGES, GoodFrames
from line_inspector.training.model_building import build_forger
from line_inspector.training.options import TrainingOptions
from line_inspector.training.promise import good_images_needed, images_needed, least_to_ask_for
from line_inspector.training.region_forging import RegionForger
from line_inspector.training.samples import Batch, to_batch
from line_inspector.training.selection import forged_choice_set
from line_inspector.training.splits import different, hold_out

TRIAL_SHARE = 0.2
FEWEST_TRIAL_FRAMES = 4
MOST_TRIAL_FRAMES = 100


def read_logged_frames(paths: Sequence[Path], parent: Path | None, size_px: int) -> tuple[GoodFrames, tuple[str, ...]]:
    """Read logged frames as `parent` looks at frames, each picture once, without those handed on for calibration.

    Without a parent, the whole frame is brought to `size_px`. Frames that retention has removed meanwhile, or the disk
    has damaged, are named. Raises InputError where too few are left.
    """
    tiling = Tiling(WHOLE, size_px) if parent is None else read_tiling(parent)
    handed_on = [] if parent is None else list(read_calibration_frames(parent))
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


def hold_out_for_trial(good: GoodFrames) -> tuple[GoodFrames, GoodFrames]:
    """Split into frames to train on and frames to try on."""
    training, trial = hold_out(good.pixels, TRIAL_SHARE, FEWEST_TRIAL_FRAMES, len(good) // 2, "trial")
    return good.part(training), good.part(trial[:MOST_TRIAL_FRAMES])


def require_enough(logged: GoodFrames, training: GoodFrames, parent: Path | None, asked_rate: float | None) -> None:
    """Raise InputError, with their number, where too few frames are left to train on for the promise of the night.

    That is `asked_rate`, the line file's, or else what `parent` promises; without either, the frames say what can be.
    """
    rate = asked_rate
    if rate is None and parent is not None:
        rate = read_manifest(parent).calibration.get("false_reject_rate")
    missing = 0 if rate is None else good_images_needed(images_needed(rate)) - len(training)
    if missing <= 0:
        return
    takes = len(logged) + math.ceil(missing / (1.0 - TRIAL_SHARE))
    supported = least_to_ask_for(len(training))
    what = (
        f"{len(logged)} different logged good frames, {len(logged) - len(training)} of them for the trial, cannot"
        f" promise {rate:.2%} false rejects: that takes about {takes}"
    )
    remedy = (
        "The model in service stays. Let the line run longer, raise records.accept_sample, or set"
        f" training.false_reject_rate to {supported:g}."
    )
    raise InputError(what, "logged frames", remedy)


def trial_images(trial: GoodFrames, options: TrainingOptions) -> Batch:
    """Every held-out frame as it is, and forged defects on some of them."""
    forger = build_forger(trial, list(range(len(trial))), options)
    forged = forged_choice_set(trial.pixels, RegionForger(forger, trial.tiling), options.seed)
    is_forged = forged.masks.flatten(1).any(dim=1)
    good = to_batch(list(trial.pixels), [np.zeros(trial.pixels.shape[1:3], np.bool_)] * len(trial))
    return Batch(*(torch.cat([of_good, of_forged[is_forged]]) for of_good, of_forged in zip(good, forged, strict=True)))
