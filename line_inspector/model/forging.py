"""Forged anomalies: good images in, images with a defect and its mask out. Deterministic under the generator given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import cv2
import numpy as np

from line_inspector.model.defects import DEFECTS, Defect
from line_inspector.model.foreground import find_foreground
from line_inspector.model.perlin import Mask, perlin_mask
from line_inspector.model.textures import Image, Texture, donor_texture, procedural_texture

Sample = tuple[Image, Mask]  # uint8 (S, S, 3), boolean (S, S)

LEAST_CHANGE = 3.0  # grey levels, around a pixel and on average: less is no anomaly that anybody could see
CHANGE_SIGMA_PX = 3.0
ATTEMPTS = 20


@dataclass(frozen=True)
class Forger:
    """Draws samples for training: half of them good, the others with one forged anomaly.

    `donors` are good images, uint8 (S, S, 3), that anomalies may be cut from; `textures` are further ones of the same
    size, such as those of the Describable Textures Dataset, used for `folder_share` of the blended textures; the others
    are donors' and procedural ones, half each.
    `structural_share` of the forgeries come from `defects.py`, the rest are DRAEM's blended textures. `on_product`:
    nothing is forged beside the product where one stands out (see foreground.py). `mono`: forgeries are grey, since the
    camera that took the good images knows no colour. `cut_from`: of so many good images the donors are tiles; None
    where they are whole ones.
    """

    donors: Sequence[Image]
    textures: Sequence[Image] = field(default=())
    folder_share: float = 0.5
    forged_share: float = 0.5
    structural_share: float = 0.3
    turned_share: float = 0.3
    highest_transparency: float = 0.8
    on_product: bool = False
    mono: bool = False
    cut_from: int | None = None

    def sample(self, rng: np.random.Generator, image: Image, within: Mask | None = None) -> Sample:
        """A good or a forged image with its mask, sometimes turned by 90 degrees either way; see `forge`."""
        if rng.random() < self.turned_share:
            quarter = int(rng.choice((-1, 1)))
            image = np.ascontiguousarray(np.rot90(image, quarter))
            within = within if within is None else np.rot90(within, quarter)
        if rng.random() < self.forged_share:
            return self.forge(rng, image, within)
        return image, np.zeros(image.shape[:2], np.bool_)

    def forge(self, rng: np.random.Generator, image: Image, within: Mask | None = None) -> Sample:
        """One anomaly that can be seen, and its mask; where none succeeds, the image as it is and an empty mask.

        Nothing is forged outside of `within`, boolean (S, S), where it is given.
        """
        return self.forge_with(self._any, rng, image, within)

    def forge_with(self, defect: Defect, rng: np.random.Generator, image: Image, within: Mask | None = None) -> Sample:
        """As `forge`, by this function."""
        product = find_foreground(image) if self.on_product else None
        product = within if product is None else product if within is None else product & within
        for _ in range(ATTEMPTS):
            forged, mask = defect(rng, image)
            if self.mono:
                grey = cv2.cvtColor(forged, cv2.COLOR_RGB2GRAY)
                forged = np.repeat(np.asarray(grey, np.uint8)[..., None], 3, axis=2)
            if product is not None:
                forged, mask = np.where(product[..., None], forged, image), mask & product
            mask = mask & _visibly_changed(image, forged)
            if mask.any():
                return forged, mask
        return image, np.zeros(image.shape[:2], np.bool_)

    @property
    def kinds(self) -> dict[str, Defect]:
        """Every kind of anomaly by its name, for `forge_with`: the structural ones, then a blend of each texture."""
        structural = {defect.__name__.replace("_", " "): defect for defect in DEFECTS}
        textures: dict[str, Texture] = {"procedural texture": procedural_texture, "region of a good image": self._donor}
        if self.textures:
            textures["texture of the folder"] = self._of_folder
        return structural | {name: partial(self._blend, texture) for name, texture in textures.items()}

    def _any(self, rng: np.random.Generator, image: Image) -> Sample:
        if rng.random() < self.structural_share:
            return DEFECTS[int(rng.integers(len(DEFECTS)))](rng, image)
        return self._blend(self._texture, rng, image)

    def _blend(self, texture: Texture, rng: np.random.Generator, image: Image) -> Sample:
        """DRAEM's forgery: a texture seen through a Perlin mask, the image shining through it by beta."""
        mask = perlin_mask(rng, image.shape[0])
        filling = texture(rng, image.shape[0])
        beta = rng.uniform(0, self.highest_transparency)
        blended = np.where(mask[..., None], beta * image + (1 - beta) * filling, image)
        return np.asarray(blended, dtype=np.uint8), mask

    def _texture(self, rng: np.random.Generator, size_px: int) -> Image:
        if self.textures and rng.random() < self.folder_share:
            return self._of_folder(rng, size_px)
        if rng.random() < 0.5:
            return self._donor(rng, size_px)
        return procedural_texture(rng, size_px)

    def _donor(self, rng: np.random.Generator, size_px: int) -> Image:
        return donor_texture(rng, self.donors)

    def _of_folder(self, rng: np.random.Generator, size_px: int) -> Image:
        return donor_texture(rng, self.textures)

    @property
    def texture_source(self) -> str:
        """What the anomalies are made of, for the record."""
        folder = f", {len(self.textures)} images of a texture folder" if self.textures else ""
        donors = f"{len(self.donors)} tiles of {self.cut_from}" if self.cut_from else str(len(self.donors))
        return f"procedural textures, regions of {donors} good images{folder}, structural forgeries"


def _visibly_changed(before: Image, after: Image) -> Mask:
    """Where an image differs from another, seen with a little blur: a smear of a flat ground is no defect."""
    change = cv2.absdiff(before, after).max(axis=2)
    return np.asarray(cv2.GaussianBlur(change, (0, 0), CHANGE_SIGMA_PX) >= LEAST_CHANGE)
