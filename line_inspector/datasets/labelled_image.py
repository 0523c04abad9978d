"""A labelled test image and its mask, however a data set keeps them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.images import IMAGE_SUFFIXES, read_image

GOOD = "good"
LOSSY = (".jpg", ".jpeg")


@dataclass(frozen=True)
class LabelledImage:
    """One test image. `defect` names its kind of defect, `mask` marks it; a good one has no mask."""

    path: Path
    defect: str
    mask: Path | None

    @property
    def is_defective(self) -> bool:
        return self.defect != GOOD


def count_by_defect(images: Sequence[LabelledImage]) -> dict[str, int]:
    """Count the images of each kind."""
    return dict(Counter(image.defect for image in images))


def read_mask(path: Path, frame_shape: tuple[int, ...], map_shape: int | tuple[int, ...]) -> NDArray[np.bool_]:
    """Read a mask and bring it to `map_shape`, (height, width) or the side of a square, True where defective.

    The rule: a pixel is defective where the mask is not zero (half of white in a JPEG, whose compression rings), and
    the mask is sampled at the centre of each target pixel (nearest, exact), so that thin defects keep their share of
    pixels on average. A defect so small that nothing of it is left then counts at every target pixel it touches: the
    hardest cases must not drop out. Raises InputError where the mask's height and width are not those of its image.
    """
    marked = _marked(path)
    if marked.shape != frame_shape[:2]:
        raise InputError(
            f"mask is {marked.shape[1]} x {marked.shape[0]} px, its image {frame_shape[1]} x {frame_shape[0]} px",
            str(path),
            "Use the mask of that very image.",
        )
    weights = marked.astype(np.float32)
    size = (map_shape, map_shape) if isinstance(map_shape, int) else (map_shape[1], map_shape[0])
    sampled = np.asarray(cv2.resize(weights, size, interpolation=cv2.INTER_NEAREST_EXACT)) > 0
    if sampled.any() or not marked.any():
        return sampled
    return np.asarray(cv2.resize(weights, size, interpolation=cv2.INTER_AREA)) > 0


def marks_a_defect(mask: Path) -> bool:
    """Whether any pixel is marked: where a data set has a mask for every image, an all-black one means good."""
    return bool(_marked(mask).any())


def labelled_by_mask(image: Path, mask: Path, defect: str) -> LabelledImage:
    """Good or of this defect, as its mask says. Raises InputError where there is no mask: every image must have one."""
    if not mask.is_file():
        raise InputError(f"has no {mask.name} beside it", str(image), "Unpack the data set again.")
    return LabelledImage(image, defect, mask) if marks_a_defect(mask) else LabelledImage(image, GOOD, None)


def mask_beside(image: Path, masks: Path) -> Path | None:
    """The mask of `image` in the folder `masks`, `<stem>_mask` or `<stem>` with any suffix of images.py, in any case.

    None where there is none.
    """
    present = {path.name.lower(): path for path in masks.iterdir()} if masks.is_dir() else {}
    names = (f"{stem}{suffix}".lower() for stem in (f"{image.stem}_mask", image.stem) for suffix in IMAGE_SUFFIXES)
    return next((present[name] for name in names if name in present), None)


def masked_images(images: Sequence[Path], defect: str, masks: Path) -> list[LabelledImage]:
    """Defective images, each with its mask in `masks`. Raises InputError for the first that has none."""
    found = [LabelledImage(path, defect, mask_beside(path, masks)) for path in images]
    for image in found:
        if image.mask is None:
            raise InputError(f"has no mask in {masks}", str(image.path), "Unpack the data set again.")
    return found


def _marked(path: Path) -> NDArray[np.bool_]:
    mask = read_image(path)
    defective = mask if mask.ndim == 2 else mask.max(axis=2)
    return np.asarray(defective > (127 if path.suffix.lower() in LOSSY else 0))
