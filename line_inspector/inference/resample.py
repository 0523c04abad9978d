"""The resize of preprocess.py for any device: two matrix products, their weights read off OpenCV itself."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

COLUMNS_AT_ONCE = 256  # of the identity that OpenCV resizes: a side of 10,000 px takes 10 MB


class Resampling:
    """From one size to another, as preprocess.py does it, on the device that holds the weights.

    A resize is a weighted sum along the columns, then along the rows, whatever the method; resized as float32, the
    identity matrix shows the weights. So they are those of the OpenCV that is installed. Results differ from its own
    8-bit arithmetic by one grey level at most, where that rounds otherwise (tests/inference/test_resample.py).
    """

    def __init__(self, shape: tuple[int, int], target: tuple[int, int], device: torch.device) -> None:
        self.is_needed = shape != target
        if not self.is_needed:
            return
        shrinks = shape[0] * shape[1] > target[0] * target[1]
        mixed = shrinks and (shape[0] < target[0] or shape[1] < target[1])
        self._rows, self._columns = (
            torch.from_numpy(_weights(count, wanted, shrinks, mixed)).to(device)
            for count, wanted in zip(shape, target, strict=True)
        )
        self._rounds_half_up = shape == (2 * target[0], 2 * target[1])  # OpenCV's own path for it does

    def __call__(self, pictures: Tensor) -> Tensor:
        """uint8 (N, H, W, C) -> uint8 (N, C, *target)."""
        if not self.is_needed:
            return pictures.permute(0, 3, 1, 2)
        number, height, width, channels = pictures.shape
        rows = torch.matmul(self._rows, pictures.reshape(number, height, width * channels).float())
        rows = rows.view(number, -1, width, channels).permute(0, 3, 1, 2)  # (N, C, target rows, W)
        sized = torch.matmul(rows, self._columns.T)
        rounded = (sized + 0.5).floor() if self._rounds_half_up else sized.round()
        return rounded.clamp(0, 255).to(torch.uint8)


def _weights(count: int, wanted: int, shrinks: bool, mixed: bool) -> NDArray[np.float32]:
    """(wanted, count): how much each of `count` pixels counts for each of `wanted`.

    `mixed`: one side of the picture shrinks and the other grows, for which OpenCV has another way along both; the
    identity is then made to grow to twice its width, every second column of which is an untouched one.
    """
    parts = []
    for start in range(0, count, COLUMNS_AT_ONCE):
        part = np.eye(count, min(COLUMNS_AT_ONCE, count - start), -start, dtype=np.float32)
        width = part.shape[1] * (2 if mixed else 1)
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        resized = np.asarray(cv2.resize(part, (width, wanted), interpolation=method), np.float32)
        parts.append(resized[:, ::2] if mixed else resized)
    return np.ascontiguousarray(np.concatenate(parts, axis=1))
