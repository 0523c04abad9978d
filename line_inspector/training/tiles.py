"""Good frames as the images that a model of tiles learns from: each tile one image, by its index."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from line_inspector.inference.tiling import Tiling
from line_inspector.model.perlin import Mask


class Images(Protocol):
    """Good images of the model's size: by index, uint8 RGB (S, S, 3)."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def everywhere(index: int) -> Mask | None:
    """Where on image `index` something may be forged: no mask, anywhere."""
    return None


def frame_of(images: Images, index: int) -> int:
    """Which frame image `index` shows: its tiles have one number, other images each their own."""
    return index % len(images.indices) if isinstance(images, Tiles) else index


@dataclass(frozen=True)
class Tiles:
    """The tiles of some of the regions, uint8 RGB (N, H, W, 3); `indices` says of which. They are not kept twice.

    Every region comes once before any comes twice, each with another of its tiles, so that the first few tiles show
    many regions and all places.
    """

    regions: NDArray[np.uint8]
    indices: tuple[int, ...]
    tiling: Tiling

    @property
    def are_cut(self) -> bool:
        """Whether a tile is less than its region."""
        return self.tiling.region_shape != (self.tiling.size_px, self.tiling.size_px)

    def __len__(self) -> int:
        return len(self.indices) * self.tiling.count

    def __getitem__(self, index: int, /) -> NDArray[np.uint8]:
        """Tile `index`, uint8 (S, S, 3), contiguous."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        region = self.regions[self.indices[index % len(self.indices)]]
        return np.ascontiguousarray(self.tiling.tile(region, self._number(index)))

    def within(self, index: int) -> Mask | None:
        """Where on tile `index` an anomaly counts, boolean (S, S); None is everywhere."""
        return self.tiling.foreground_of(self._number(index))

    def _number(self, index: int) -> int:
        turn, place = divmod(index, len(self.indices))
        return (turn + place) % self.tiling.count
