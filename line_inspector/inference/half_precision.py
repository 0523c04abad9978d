"""Whether an engine in half precision answers as the one in fp32 does: else it does not get into service."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from line_inspector.inference.engine import Engine, FrameFault
from line_inspector.inference.parity import parity_pixels

SCORE_TOLERANCE = 0.01  # on the stable scale, as that of golden frames between two machines
MAP_TOLERANCE = 0.05  # of any pixel, on the stable scale: a tenth of the way to the limit

log = logging.getLogger("inference")


def is_close(half: Engine, exact: Engine, golden_frames: Sequence[NDArray[np.uint8]]) -> bool:
    """Compare both on golden frames, on the same spoilt, on black and on noise. A log line says why not."""
    pixels = parity_pixels(golden_frames, exact.image_size_px)
    pictures = [np.ascontiguousarray(picture.transpose(1, 2, 0)[:, :, ::-1]) for picture in pixels]
    scores, maps = np.float32(0), np.float32(0)
    for expected, answer in zip(exact.region_maps(pictures), half.region_maps(pictures), strict=True):
        if isinstance(expected, FrameFault) or isinstance(answer, FrameFault):
            scores = np.float32("nan")
            break
        scores = np.maximum(scores, abs(answer.max() - expected.max()))
        maps = np.maximum(maps, np.abs(answer - expected).max())
    if scores <= SCORE_TOLERANCE and maps <= MAP_TOLERANCE:
        return True
    log.warning(
        "model %s runs in fp32: in half precision its scores differ by up to %.3f, its maps by up to %.3f",
        exact.version,
        scores,
        maps,
    )
    return False
