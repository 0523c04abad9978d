"""Try a model on held-out good parts and on defects forged on them, through the engine that the line uses."""

import cv2
import numpy as np
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.inference.engine import Engine, FrameFault
from line_inspector.training.metrics import image_auroc, pixel_metrics
from line_inspector.training.promotion import Trial
from line_inspector.training.samples import Batch


def try_engine(engine: Engine, images: Batch, promised_false_reject_rate: float) -> Trial:
    """Try `engine` on regions of interest, (B, 3, H, W), of which some carry a forged defect, marked in their mask.

    Raises InputError where the engine's answer is not a number, or where the images are all good or all forged.
    """
    frames = images.images.numpy()[:, ::-1].transpose(0, 2, 3, 1)  # RGB (B, 3, H, W) -> BGR (B, H, W, 3), as a camera's
    masks = images.masks[:, 0].numpy() > 0.5
    maps = [_map(engine, np.ascontiguousarray(frame)) for frame in frames]
    forged = masks.any(axis=(1, 2))
    rejected = np.array([np.max(m) >= engine.threshold for m in maps])
    pixels = pixel_metrics(maps, [_at_size(mask, m.shape) for mask, m in zip(masks, maps, strict=True)])
    if pixels is None or forged.all():
        raise InputError("the trial needs good and forged images", f"model {engine.version}", "Log more good frames.")
    return Trial(
        good=int((~forged).sum()),
        good_rejected=int((rejected & ~forged).sum()),
        forged=int(forged.sum()),
        forged_accepted=int((~rejected & forged).sum()),
        image_auroc=image_auroc(forged, [float(np.max(m)) for m in maps]),
        pixel_ap=pixels.pixel_ap,
        promised_false_reject_rate=promised_false_reject_rate,
    )


def _map(engine: Engine, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    (answer,) = engine.region_maps([frame])
    if isinstance(answer, FrameFault):
        raise InputError(answer.detail, f"model {engine.version}", "Train it again.")
    return answer


def _at_size(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    resized = cv2.resize(mask.astype(np.uint8), shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized) > 0
