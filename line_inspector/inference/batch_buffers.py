"""The memory of one batch on its way through a pipelined engine; two of them let copies and computing overlap."""

import ctypes
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from line_inspector.inference.answer_rows import ROW_BYTES
from line_inspector.inference.lanes import Lanes


class BatchBuffers:
    """`pixels`, the frames' bytes on the device, one after the other, and `rows`, its answers there."""

    def __init__(self, lanes: Lanes, most_frames: int) -> None:
        self._lanes = lanes
        self._room = 0
        self.pixels = torch.empty(0, dtype=torch.uint8, device=lanes.device)
        self._staging = torch.empty(0, dtype=torch.uint8)
        self.rows = torch.empty((most_frames, ROW_BYTES), dtype=torch.uint8, device=lanes.device)
        self.host_rows = lanes.host_bytes(most_frames * ROW_BYTES).view(most_frames, ROW_BYTES)

    def make_room(self, count: int) -> None:
        """For `count` bytes of frames. No batch may be on its way through these buffers.

        Memory is taken in the compute lane, as everything is, and then used in another one, which so waits once.
        """
        if count <= self._room:
            return
        self._room = count
        self._lanes.compute.run(self._grow)
        self._lanes.copy_in.wait(self._lanes.compute.record())

    def _grow(self) -> None:
        self.pixels = torch.empty(self._room, dtype=torch.uint8, device=self._lanes.device)

    def copy_in(self, bands: Sequence[NDArray[np.uint8]]) -> None:
        """Queue the copies of these frames to `pixels`, out of where they lie if that is page-locked."""
        start = 0
        for band in bands:
            source, part = bytes_of(band), slice(start, start + band.nbytes)
            if not self._lanes.copies_by_itself(source):
                source = self._staged(source, part)
            self.pixels[part].copy_(source, non_blocking=True)
            start = part.stop

    def copy_out(self, count: int) -> None:
        """Queue the copy of the first `count` answers to `host_rows`."""
        self.host_rows[:count].copy_(self.rows[:count], non_blocking=True)

    def _staged(self, source: Tensor, part: slice) -> Tensor:
        if self._staging.numel() < self._room:
            self._staging = self._lanes.host_bytes(self._room)
        return self._staging[part].copy_(source)


def bytes_of(band: NDArray[np.uint8]) -> Tensor:
    """uint8 (n,) in place; the caller keeps `band`. A ring may only be read, of which torch would warn each time."""
    memory = (ctypes.c_uint8 * band.nbytes).from_address(band.ctypes.data)
    return torch.frombuffer(memory, dtype=torch.uint8)
