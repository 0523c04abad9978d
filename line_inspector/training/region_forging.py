"""Forged defects on whole regions of interest: forged on one tile, as in training, and put back."""

from dataclasses import dataclass

import numpy as np

from line_inspector.inference.tiling import Tiling
from line_inspector.model.forging import Forger, Sample
from line_inspector.model.perlin import Mask
from line_inspector.model.textures import Image


@dataclass(frozen=True)
class RegionForger:
    """Forges as `forger` does, somewhere on a region, uint8 (H, W, 3), where an anomaly counts."""

    forger: Forger
    tiling: Tiling

    def forge(self, rng: np.random.Generator, image: Image, within: Mask | None = None) -> Sample:
        """One anomaly on one tile of the region, and its mask in the region; `within` as the forger's."""
        tile = int(rng.integers(self.tiling.count)) if self.tiling.count > 1 else 0
        place = self.tiling.place(tile)
        counts = self.tiling.foreground_of(tile)
        if within is not None:
            counts = within[place] if counts is None else counts & within[place]
        region, mask = image.copy(), np.zeros(image.shape[:2], np.bool_)
        region[place], mask[place] = self.forger.forge(rng, np.ascontiguousarray(image[place]), counts)
        return region, mask
