"""What a candidate is tried on: held-out frames as they are, and with defects forged on them, as a camera's."""

import numpy as np
from numpy.typing import NDArray

from line_inspector.model.forging import Forger, Sample
from line_inspector.training.good_frames import GoodFrames
from line_inspector.training.model_building import build_forger
from line_inspector.training.options import TrainingOptions
from line_inspector.training.samples import Batch, to_batch
from line_inspector.training.selection import FORGED_PER_IMAGE, MOST_IMAGES


def trial_images(trial: GoodFrames, options: TrainingOptions) -> Batch:
    """Every held-out frame as it is, and forged defects on some of them, each on one tile; deterministic."""
    forger = build_forger(trial, list(range(len(trial))), options)
    good = [(canvas, np.zeros(canvas.shape[:2], np.bool_)) for canvas in trial.pixels]
    forged = []
    for index, canvas in enumerate(trial.pixels[:MOST_IMAGES]):
        rng = np.random.default_rng([options.seed, index, 2])
        forged += [_forged(forger, rng, canvas, options) for _ in range(FORGED_PER_IMAGE)]
    shown = [_as_frame(sample, options) for sample in [*good, *(each for each in forged if each[1].any())]]
    return to_batch([image for image, _ in shown], [mask for _, mask in shown])


def _forged(forger: Forger, rng: np.random.Generator, canvas: NDArray[np.uint8], options: TrainingOptions) -> Sample:
    size_px = options.architecture.image_size_px
    corners = options.view.corners(size_px)
    top, left = corners[int(rng.integers(len(corners)))]
    place = (slice(top, top + size_px), slice(left, left + size_px))
    image, mask = canvas.copy(), np.zeros(canvas.shape[:2], np.bool_)
    image[place], mask[place] = forger.forge(rng, np.ascontiguousarray(canvas[place]))
    return image, mask


def _as_frame(sample: Sample, options: TrainingOptions) -> Sample:
    image, mask = sample
    return options.view.uncrop(image), options.view.uncrop(mask[..., None].astype(np.uint8))[..., 0] > 0
