"""What a model sees of a frame: a region of interest, in overlapping tiles, and only where the product is.

The region is brought to a *canvas*, just so large that its tiles have the model's own size. A tile is answered like an
image of its own; the answers are blended into one map of the canvas, the windows' weights summing to 1 everywhere, so
that there is no seam: what all tiles say alike comes out as they say it. The default is the whole frame in one tile,
unchanged.
"""

from typing import NamedTuple

import cv2
import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

MOST_TILES = 64
LEAST_WEIGHT = 1e-3  # of a tile at its very border, so that no weight is lost where a border has no neighbour


class Roi(NamedTuple):
    """A rectangle in shares of the frame's width and height, from the upper left corner."""

    x: float = 0.0
    y: float = 0.0
    width: float = 1.0
    height: float = 1.0


class View(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`roi`, cut into `rows` x `columns` tiles that overlap by a share of their side; recorded with a model.

    `foreground`: a PNG of the canvas's size, 0 where an anomaly does not count; None where it counts everywhere.
    Raises ValueError for a region outside the frame, no tile, too many, or an overlap outside 0..0.5.
    """

    roi: Roi = Roi()
    rows: int = 1
    columns: int = 1
    overlap: float = 0.25
    foreground: bytes | None = None

    def __post_init__(self) -> None:
        x, y, width, height = self.roi
        if not (0 <= x < 1 and 0 <= y < 1 and 0 < width <= 1 - x + 1e-9 and 0 < height <= 1 - y + 1e-9):
            raise ValueError(f"the region must lie in the frame, x, y, width and height in 0..1, got {tuple(self.roi)}")
        if not (self.rows >= 1 and self.columns >= 1 and self.rows * self.columns <= MOST_TILES):
            raise ValueError(f"there must be 1 to {MOST_TILES} tiles, got {self.rows} x {self.columns}")
        if not 0.0 <= self.overlap <= 0.5:
            raise ValueError(f"tiles may overlap by 0 to 0.5 of their side, got {self.overlap}")
        if self.foreground is not None:
            self.mask()

    def sentence(self) -> str:
        """What is seen, in plain English."""
        x, y, width, height = self.roi
        region = "the whole frame" if self.roi == Roi() else f"x {x:g}, y {y:g}, {width:g} x {height:g} of the frame"
        tiles = "one tile" if self.tiles == 1 else f"{self.rows} x {self.columns} tiles overlapping by {self.overlap:g}"
        where = "" if self.foreground is None else f", {self.mask().mean():.0%} of it counted"
        return f"{region} in {tiles}{where}"

    def mask(self) -> NDArray[np.bool_]:
        """Where anomalies count, (H, W) of the canvas; there must be a foreground."""
        assert self.foreground is not None
        return _decoded(self.foreground)

    @property
    def tiles(self) -> int:
        """How many tiles a frame has."""
        return self.rows * self.columns

    def canvas_shape(self, size_px: int) -> tuple[int, int]:
        """Height and width of the canvas for tiles of size_px."""
        step = self._step(size_px)
        return size_px + (self.rows - 1) * step, size_px + (self.columns - 1) * step

    def crop(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The region of a frame or mask (H, W) or (H, W, 3); at least one pixel."""
        if self.roi == Roi():
            return frame
        top, bottom = _span(self.roi.y, self.roi.height, frame.shape[0])
        left, right = _span(self.roi.x, self.roi.width, frame.shape[1])
        return np.ascontiguousarray(frame[top:bottom, left:right])

    def uncrop(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A frame (H, W, 3), black around, whose region is this canvas."""
        if self.roi == Roi():
            return canvas
        shape = (round(canvas.shape[0] / self.roi.height), round(canvas.shape[1] / self.roi.width), canvas.shape[2])
        frame = np.zeros(shape, np.uint8)
        top, left = round(self.roi.y * shape[0]), round(self.roi.x * shape[1])
        frame[top : top + canvas.shape[0], left : left + canvas.shape[1]] = canvas
        return frame

    def corners(self, size_px: int) -> list[tuple[int, int]]:
        """Top and left of each tile on the canvas, row by row."""
        step = self._step(size_px)
        return [(row * step, column * step) for row in range(self.rows) for column in range(self.columns)]

    def cut(self, canvases: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
        """Canvases (N, 3, H, W) -> their tiles (N * tiles, 3, size_px, size_px), those of one canvas in a row."""
        if self.tiles == 1:
            return canvases
        tiles = [canvases[..., top : top + size_px, left : left + size_px] for top, left in self.corners(size_px)]
        return np.stack(tiles, axis=1).reshape(-1, canvases.shape[1], size_px, size_px)

    def blend(self, maps: Tensor) -> Tensor:
        """Maps of tiles (N * tiles, S, S) -> maps of the canvases (N, H, W), 0 outside the foreground."""
        size_px = maps.shape[-1]
        if self.tiles > 1:
            window = self._window(size_px).to(maps)
            height, width = self.canvas_shape(size_px)
            canvases = maps.new_zeros(len(maps) // self.tiles, height, width)
            weights = maps.new_zeros(height, width)
            for index, (top, left) in enumerate(self.corners(size_px)):
                place = (..., slice(top, top + size_px), slice(left, left + size_px))
                canvases[place] += window * maps[index :: self.tiles]
                weights[place] += window
            maps = canvases / weights
        return maps if self.foreground is None else maps * torch.from_numpy(self.mask()).to(maps)

    def over_frame(self, side: int, canvases: Tensor) -> Tensor:
        """Maps of canvases (N, H, W) -> (N, side, side) over the whole frame, each cell the maximum of what it covers.

        The maximum stays, whatever the side; what lies outside the region is 0.
        """
        if self.roi == Roi():
            return F.adaptive_max_pool2d(canvases[:, None], side)[:, 0]
        top, bottom = _cells(self.roi.y, self.roi.height, side)
        left, right = _cells(self.roi.x, self.roi.width, side)
        whole = canvases.new_zeros(len(canvases), side, side)
        whole[:, top:bottom, left:right] = F.adaptive_max_pool2d(canvases[:, None], (bottom - top, right - left))[:, 0]
        return whole

    def _step(self, size_px: int) -> int:
        return size_px - round(self.overlap * size_px)

    def _window(self, size_px: int) -> Tensor:
        """Weights (S, S) that fall from the inner border of the overlap to the tile's own, as a raised cosine."""
        reach = max(size_px - self._step(size_px), 1)
        inward = torch.minimum(torch.arange(size_px), size_px - 1 - torch.arange(size_px)) + 0.5
        ramp = 0.5 - 0.5 * torch.cos(torch.pi * (inward / reach).clamp(max=1.0))
        ramp = ramp.clamp(min=LEAST_WEIGHT)
        return ramp[:, None] * ramp[None, :]


def _decoded(png: bytes) -> NDArray[np.bool_]:
    """True where a PNG is not black. Raises ValueError where it is no PNG."""
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE) if png else None
    if picture is None:
        raise ValueError("the foreground is no PNG")
    return np.asarray(picture > 0)


def _span(start: float, extent: float, length: int) -> tuple[int, int]:
    """Pixels from, and up to, of a share of the length; at least one."""
    first = min(round(start * length), length - 1)
    return first, min(length, max(first + 1, first + round(extent * length)))


def _cells(start: float, extent: float, count: int) -> tuple[int, int]:
    """Cells from, and up to, that a share of the length touches."""
    first = min(int(start * count), count - 1)
    return first, max(first + 1, min(count, int(np.ceil((start + extent) * count - 1e-9))))
