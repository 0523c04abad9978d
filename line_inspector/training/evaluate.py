"""Measure an engine on a labelled test set: the four metrics, all and per defect, and the time per image."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from line_inspector.datasets.labelled_image import LabelledImage, read_mask
from line_inspector.errors import InputError
from line_inspector.images import read_image
from line_inspector.inference.engine import Engine, FrameFault
from line_inspector.training.metrics import image_auroc, pixel_metrics


@dataclass(frozen=True)
class Case:
    """One image and what the model made of it.

    `map` is float32 (H, W) of the whole frame, 0..1, and `score` its maximum. `mask` is bool of the same shape, all
    False for a good image, None for a defective one without a usable mask: pixel metrics leave that one out.
    """

    image: LabelledImage
    score: float
    map: NDArray[np.float32]
    mask: NDArray[np.bool_] | None
    inference_ms: float


@dataclass(frozen=True)
class Scores:
    """Metrics of one set of images; a pixel metric is None where no mask marks a pixel (see metrics.py)."""

    images: int
    defective: int
    without_mask: int
    image_auroc: float
    pixel_auroc: float | None
    aupro: float | None
    pixel_ap: float | None


@dataclass(frozen=True)
class Evaluation:
    """`per_defect` compares the images of one defect with all good ones. Verdicts are counted at `threshold`."""

    overall: Scores
    per_defect: dict[str, Scores]
    threshold: float
    pixel_threshold: float
    good_rejected: int
    defective_accepted: int
    ms_per_image: float
    image_size_px: int
    model_version: str

    def as_json(self) -> dict[str, object]:
        """Flatten for the command line: the four metrics are keys at the top."""
        rest = {key: value for key, value in asdict(self).items() if key != "overall"}
        return asdict(self.overall) | rest


def inspect(engine: Engine, images: Sequence[LabelledImage], on_image: Callable[[], None]) -> Iterator[Case]:
    """Run every image by itself through `engine`, timed from the frame in memory to its map in memory.

    Raises InputError for an image or mask that cannot be used.
    """
    for image in images:
        frame = read_image(image.path)
        started_ns = time.perf_counter_ns()
        (answer,) = engine.anomaly_maps([frame])
        duration_ms = (time.perf_counter_ns() - started_ns) / 1e6
        if isinstance(answer, FrameFault):
            raise InputError(answer.detail, str(image.path), "Evaluate another model, or replace the image.")
        mask = _mask(image, frame.shape, answer.shape)
        yield Case(image, float(np.max(answer)), answer, mask, duration_ms)
        on_image()


def evaluate(engine: Engine, cases: Sequence[Case]) -> Evaluation:
    """Sum up the cases of a whole test set; it must hold good and defective images."""
    good = [case for case in cases if not case.image.is_defective]
    defects = sorted({case.image.defect for case in cases if case.image.is_defective})
    return Evaluation(
        overall=_score(cases),
        per_defect={d: _score([*good, *(case for case in cases if case.image.defect == d)]) for d in defects},
        threshold=engine.threshold,
        pixel_threshold=engine.pixel_threshold,
        good_rejected=sum(case.score >= engine.threshold for case in good),
        defective_accepted=sum(case.image.is_defective and case.score < engine.threshold for case in cases),
        ms_per_image=median(case.inference_ms for case in cases),
        image_size_px=engine.image_size_px,
        model_version=engine.version,
    )


def _mask(image: LabelledImage, frame_shape: tuple[int, ...], map_shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    if not image.is_defective:
        return np.zeros(map_shape, dtype=bool)
    mask = read_mask(image.mask, frame_shape, map_shape) if image.mask else None
    return mask if mask is not None and mask.any() else None


def _score(cases: Sequence[Case]) -> Scores:
    masked = [(case.map, case.mask) for case in cases if case.mask is not None]
    pixels = pixel_metrics([m for m, _ in masked], [mask for _, mask in masked])
    defective = [case.image.is_defective for case in cases]
    return Scores(
        images=len(cases),
        defective=sum(defective),
        without_mask=len(cases) - len(masked),
        image_auroc=image_auroc(defective, [case.score for case in cases]),
        pixel_auroc=pixels.pixel_auroc if pixels else None,
        aupro=pixels.aupro if pixels else None,
        pixel_ap=pixels.pixel_ap if pixels else None,
    )
