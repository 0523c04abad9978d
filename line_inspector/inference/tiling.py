"""From a region to its tiles and from their maps back to the region's map, without seams."""

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from line_inspector.inference.view import View

Mask = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


class Tiling:
    """A view (view.py) at the model's size, in pixels.

    `foreground`, boolean of `region_shape`, is where an anomaly counts: elsewhere maps are 0. Tiles without any of it
    are not looked at. `corners_px` holds top and left of those that are, `count` their number.
    """

    def __init__(self, view: View, size_px: int, foreground: Mask | None = None) -> None:
        """Raises ValueError for a foreground that is empty, of another shape, or missing where the view has one."""
        self.view = view
        self.size_px = size_px
        self.region_shape = view.region_shape(size_px)
        self.foreground = foreground
        if (foreground is None) != (view.foreground == "none"):
            raise ValueError(f"a foreground of kind {view.foreground!r} and the mask {foreground!r}")
        corners = view.corners_px(size_px)
        if foreground is not None:
            if foreground.shape != self.region_shape:
                raise ValueError(f"the foreground is {foreground.shape}, the region {self.region_shape}")
            corners = [corner for corner in corners if self._cut(foreground, corner).any()]
            if not corners:
                raise ValueError("the foreground is empty")
        self.corners_px = corners
        self.count = len(corners)
        self._is_plain = foreground is None and self.count == 1
        self._weights = torch.from_numpy(np.stack([self._weight(corner) for corner in corners]))

    def __eq__(self, other: object) -> bool:
        """Whether both look at the same pixels in the same way."""
        if not isinstance(other, Tiling) or (self.view, self.size_px) != (other.view, other.size_px):
            return False
        if self.foreground is None or other.foreground is None:
            return self.foreground is other.foreground
        return bool(np.array_equal(self.foreground, other.foreground))

    __hash__ = None  # type: ignore[assignment]  # it holds arrays

    def tiles(self, regions: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, 3, H, W) -> (N * count, 3, S, S), the tiles of each region together."""
        if regions.shape[2:] == (self.size_px, self.size_px):
            return regions
        return np.stack([self._cut(region, corner) for region in regions for corner in self.corners_px])

    def tiles_on_device(self, regions: Tensor) -> Tensor:
        """As `tiles`, of a tensor on whatever device."""
        if regions.shape[2:] == (self.size_px, self.size_px):
            return regions
        places = [self.place(index) for index in range(self.count)]
        return torch.stack([regions[:, :, rows, columns] for rows, columns in places], dim=1).flatten(0, 1)

    def tile(self, region: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """Tile `index` of a region (H, W, 3), as (S, S, 3), not copied."""
        return region[self.place(index)]

    def place(self, index: int) -> tuple[slice, slice]:
        """Rows and columns of a tile in the region."""
        top, left = self.corners_px[index]
        return slice(top, top + self.size_px), slice(left, left + self.size_px)

    def foreground_of(self, index: int) -> Mask | None:
        """Where in a tile an anomaly counts, boolean (S, S); None is everywhere."""
        return None if self.foreground is None else self.foreground[self.place(index)]

    def join(self, maps: Tensor) -> Tensor:
        """Maps of tiles, (N * count, S, S) in 0..1 -> maps of regions, (N, H, W).

        Where tiles overlap, each counts the less the nearer its edge is, since there it sees least of what is around.
        The weights add up to one, so that what both say of a place is what is said of it. What is no number stays none.
        """
        if self._is_plain:
            return maps
        self._weights = self._weights.to(maps.device)
        joined = maps.new_zeros((len(maps) // self.count, *self.region_shape))
        for index in range(self.count):
            rows, columns = self.place(index)
            joined[:, rows, columns] += maps[index :: self.count] * self._weights[index]
        return joined.clamp(max=1.0)  # rounding may leave a sum of weights just above one

    def _cut(self, picture: NDArray[T], corner: tuple[int, int]) -> NDArray[T]:
        top, left = corner
        return picture[..., top : top + self.size_px, left : left + self.size_px]

    def _weight(self, corner: tuple[int, int]) -> NDArray[np.float32]:
        overlap_px = self.size_px - self.view.step_px(self.size_px)
        sides = zip(corner, self.region_shape, strict=True)
        rows, columns = (_window(self.size_px, overlap_px, start, length) for start, length in sides)
        window = np.outer(rows, columns)
        if self.foreground is not None:
            window *= self._cut(self.foreground, corner)
        return window.astype(np.float32)


def _window(size_px: int, overlap_px: int, start_px: int, length_px: int) -> NDArray[np.float64]:
    """Weights along one side of a tile that starts at `start_px` of `length_px`: sine squared up, its rest down."""
    ramp = np.sin(0.5 * np.pi * (np.arange(overlap_px) + 0.5) / max(1, overlap_px)) ** 2
    window = np.ones(size_px)
    if start_px > 0:
        window[:overlap_px] = ramp
    if start_px + size_px < length_px:
        window[size_px - overlap_px :] = 1.0 - ramp
    return window
