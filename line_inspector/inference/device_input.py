"""From frames on a device to the model's input: what preprocess.py does on the CPU."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from line_inspector.inference.resample import Resampling
from line_inspector.inference.view import View

Shape = tuple[int, ...]  # of a frame, (H, W) or (H, W, 3)


class DeviceInput:
    """Cuts the region of interest out of frames of any size, resizes it, and makes it RGB.

    Weights for a new size of frame are made when it is first met, and kept.
    """

    def __init__(self, view: View, size_px: int, device: torch.device) -> None:
        self._view = view
        self._region_shape = view.region_shape(size_px)
        self._device = device
        self._resamplings: dict[tuple[int, int], Resampling] = {}

    def band(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The rows of the frame that the region lies in, contiguous: all that has to reach the device."""
        rows, _ = self._view.place(*frame.shape[:2])
        return np.ascontiguousarray(frame[rows])

    def regions(self, bands: Tensor, frame_shape: Shape) -> Tensor:
        """Bands of frames of one shape, uint8 (N, h, W) or (N, h, W, 3) -> uint8 RGB (N, 3, *region_shape)."""
        rows, columns = self._view.place(*frame_shape[:2])
        region = bands[:, :, columns]
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        if shape not in self._resamplings:
            self._resamplings[shape] = Resampling(shape, self._region_shape, self._device)
        if bands.dim() == 3:
            return self._resamplings[shape](region[..., None]).expand(-1, 3, -1, -1)
        return self._resamplings[shape](region).flip(1)
