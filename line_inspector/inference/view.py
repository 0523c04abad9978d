"""What a model looks at: a region of interest of the frame, in tiles, and where on it an anomaly counts.

It is written into the manifest, so that training, line and every later retraining look at the same. Loads no torch: the
command line reads it.
"""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

MOST_TILES_PER_SIDE = 16
MOST_OVERLAP = 0.5  # beyond, three tiles would meet
LEAST_SHARE = 0.02  # of the frame's side: less is a slip of the keyboard
ROUNDING = 1e-9


class View(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A region of interest and its tiles; the default is the whole frame as one.

    `x`, `y` (its upper left corner), `width` and `height` are shares of the frame's, 0..1, so that they hold for every
    resolution of a camera. The region is brought to `region_shape` and read as `rows` x `columns` tiles of the model's
    size; neighbours share `overlap` of a tile's side. `foreground` says where the mask came from outside of which
    nothing is an anomaly: computed from good images, or a file that somebody drew. Raises ValueError for a region
    beyond the frame and for other values that cannot be.
    """

    x: float = 0.0
    y: float = 0.0
    width: float = 1.0
    height: float = 1.0
    rows: int = 1
    columns: int = 1
    overlap: float = 0.25
    foreground: Literal["none", "auto", "file"] = "none"

    def __post_init__(self) -> None:
        for start, length in ((self.x, self.width), (self.y, self.height)):
            if not (start >= 0.0 and length >= LEAST_SHARE and start + length <= 1.0 + ROUNDING):
                got = f"{start:g} and {length:g} from there"
                raise ValueError(f"the region must lie in the frame and be {LEAST_SHARE:g} of it at least, got {got}")
        if not all(1 <= count <= MOST_TILES_PER_SIDE for count in (self.rows, self.columns)):
            raise ValueError(
                f"1 to {MOST_TILES_PER_SIDE} rows and columns of tiles are possible, got {self.rows} x {self.columns}"
            )
        if not 0.0 <= self.overlap <= MOST_OVERLAP:
            raise ValueError(f"tiles may overlap by 0 to {MOST_OVERLAP:g} of their side, got {self.overlap}")

    @property
    def is_whole_frame(self) -> bool:
        """Whether the region of interest is the frame."""
        return (self.x, self.y, self.width, self.height) == (0.0, 0.0, 1.0, 1.0)

    def of_region(self) -> "View":
        """The same tiles of a picture that is the region of interest already."""
        return msgspec.structs.replace(self, x=0.0, y=0.0, width=1.0, height=1.0)

    def step_px(self, size_px: int) -> int:
        """From one tile to the next, for tiles of `size_px`."""
        return round(size_px * (1.0 - self.overlap))

    def region_shape(self, size_px: int) -> tuple[int, int]:
        """Height and width to which the region is brought, in pixels: what the tiles cover."""
        step_px = self.step_px(size_px)
        return size_px + (self.rows - 1) * step_px, size_px + (self.columns - 1) * step_px

    def frame_shape(self, region_shape: tuple[int, int], most_px: int) -> tuple[int, int]:
        """Height and width of the frame around a region of this height and width, at most `most_px` each."""
        height, width = region_shape
        return min(most_px, round(height / self.height)), min(most_px, round(width / self.width))

    def corners_px(self, size_px: int) -> list[tuple[int, int]]:
        """Top and left of each tile in the region, row by row."""
        step_px = self.step_px(size_px)
        return [(row * step_px, column * step_px) for row in range(self.rows) for column in range(self.columns)]

    def place(self, height_px: int, width_px: int) -> tuple[slice, slice]:
        """Rows and columns of the region of interest in a frame of this size; at least one of each."""
        if self.is_whole_frame:
            return slice(0, height_px), slice(0, width_px)
        return _pixels(self.y, self.height, height_px), _pixels(self.x, self.width, width_px)

    def cut(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The region of interest of a frame (H, W) or (H, W, 3), not copied; at least one pixel."""
        return frame if self.is_whole_frame else frame[self.place(*frame.shape[:2])]


def _pixels(start: float, length: float, count: int) -> slice:
    taken = max(1, round(length * count))
    first = min(round(start * count), count - taken)
    return slice(first, first + taken)


WHOLE = View()
