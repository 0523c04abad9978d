"""Parity: does another engine answer as torch does, on good frames and on spoilt ones, whatever the batch?"""

from collections.abc import Sequence

import cv2
import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from line_inspector.inference.preprocess import to_model_input
from line_inspector.inference.torch_engine import Forward
from line_inspector.model.adps import ADPS

BATCH_SIZES = (1, 2, 5)
TOLERANCE = 1e-4  # of scores and of every pixel, 0..1: rounding in fp32 stays below 1e-5, bf16 not below 1e-2


class Parity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The largest differences from torch in fp32, of scores and of single pixels of the maps, both 0..1.

    `frames` were compared, in batches of each of `batch_sizes`; torch's scores of them span `lowest_score` to
    `highest_score`.
    """

    score_difference: float
    map_difference: float
    frames: int
    batch_sizes: tuple[int, ...]
    lowest_score: float
    highest_score: float

    def within(self, tolerance: float) -> bool:
        """False for answers that are not numbers, too."""
        return self.score_difference <= tolerance and self.map_difference <= tolerance

    def sentence(self) -> str:
        """For people."""
        return (
            f"largest difference from torch {self.score_difference:.1e} of scores, {self.map_difference:.1e} of maps, "
            f"over {self.frames} frames with scores {self.lowest_score:.3f} to {self.highest_score:.3f}"
        )


def parity_pixels(golden_frames: Sequence[NDArray[np.uint8]], size_px: int) -> NDArray[np.uint8]:
    """The golden frames, each again with a blot, a scratch and a patch of noise, then black and noise: (N, 3, S, S).

    Golden frames are good parts; the others are there so that high scores are compared, too.
    """
    good = [to_model_input(frame, size_px) for frame in golden_frames]
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (3, size_px, size_px), dtype=np.uint8)
    spoilt = [spoil(pixels, noise) for pixels in good for spoil in (_blot, _scratch, _patch)]
    return np.stack([*good, *spoilt, np.zeros_like(noise), noise])


def compare(model: ADPS, forward: Forward, pixels: NDArray[np.uint8]) -> Parity:
    """Compare `forward` with the model itself, on the CPU, one frame at a time; `forward` gets every batch size.

    Raises ValueError where `forward` answers with maps of another shape.
    """
    with torch.inference_mode():
        frames = torch.from_numpy(pixels)
        expected = torch.cat([model.anomaly_map(model.normalise(frame[None])) for frame in frames]).numpy()
    scores = expected.max((1, 2))
    score_difference, map_difference = np.float32(0), np.float32(0)
    for size in BATCH_SIZES:
        answer = _in_batches(forward, pixels, size)
        if answer.shape != expected.shape:
            raise ValueError(f"in batches of {size} its maps are {answer.shape}, not {expected.shape}")
        score_difference = np.maximum(score_difference, np.abs(answer.max((1, 2)) - scores).max())  # NaN stays NaN
        map_difference = np.maximum(map_difference, np.abs(answer - expected).max())
    return Parity(
        score_difference=float(score_difference),
        map_difference=float(map_difference),
        frames=len(pixels),
        batch_sizes=BATCH_SIZES,
        lowest_score=float(scores.min()),
        highest_score=float(scores.max()),
    )


def _in_batches(forward: Forward, pixels: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    maps = [forward(pixels[start : start + size]).numpy() for start in range(0, len(pixels), size)]
    return np.concatenate(maps)


def _blot(pixels: NDArray[np.uint8], noise: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = pixels.shape[-1]
    return _drawn(pixels, cv2.circle(np.zeros((side, side), np.uint8), (side // 2, side // 2), side // 8, 1, -1), 0)


def _scratch(pixels: NDArray[np.uint8], noise: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = pixels.shape[-1]
    ends = (side // 4, side // 3), (side * 3 // 4, side * 2 // 3)
    return _drawn(pixels, cv2.line(np.zeros((side, side), np.uint8), *ends, 1, max(1, side // 64)), 255)


def _patch(pixels: NDArray[np.uint8], noise: NDArray[np.uint8]) -> NDArray[np.uint8]:
    third = pixels.shape[-1] // 3
    spoilt = pixels.copy()
    spoilt[:, third : 2 * third, third : 2 * third] = noise[:, third : 2 * third, third : 2 * third]
    return spoilt


def _drawn(pixels: NDArray[np.uint8], mask: object, value: int) -> NDArray[np.uint8]:
    return np.where(np.asarray(mask) > 0, np.uint8(value), pixels)
