"""A test set in the layout of MVTec AD: test/good, test/<defect>, ground_truth/<defect> with a mask per image."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.images import IMAGE_SUFFIXES, list_images, read_image

GOOD = "good"
LOSSY = (".jpg", ".jpeg")


@dataclass(frozen=True)
class LabelledImage:
    """One test image. `defect` is the name of its folder, `mask` marks its defect; a good one has no mask."""

    path: Path
    defect: str
    mask: Path | None

    @property
    def is_defective(self) -> bool:
        return self.defect != GOOD


def read_test_set(folder: Path) -> list[LabelledImage]:
    """List the test images under `folder`, good ones first, then the defects by name.

    A mask is `ground_truth/<defect>/<stem>_mask.png` or `<stem>.png` (or another suffix of images.py). A defective
    image may have none. Raises
    InputError where a part of the layout is missing or empty.
    """
    test = folder / "test"
    if not test.is_dir():
        remedy = "Lay the images out as MVTec AD does: test/good, test/<defect>, ground_truth/<defect>."
        raise InputError("no folder test/ in the data set", str(folder), remedy)
    defects = sorted(p.name for p in test.iterdir() if p.is_dir() and p.name != GOOD)
    if not defects:
        raise InputError("no folder with defective images", str(test), "Put them into test/<name of the defect>/.")
    found = [LabelledImage(path, GOOD, None) for path in list_images(test / GOOD)]
    for defect in defects:
        masks = folder / "ground_truth" / defect
        found += [LabelledImage(path, defect, _mask_of(path, masks)) for path in list_images(test / defect)]
    return found


def count_by_defect(images: list[LabelledImage]) -> dict[str, int]:
    """Count the images of each folder under test/."""
    return dict(Counter(image.defect for image in images))


def read_mask(path: Path, frame_shape: tuple[int, ...], size_px: int) -> NDArray[np.bool_]:
    """Read a mask and bring it to (size_px, size_px), True where defective.

    The rule: a pixel is defective where the mask is not zero (half of white in a JPEG, whose compression rings), and
    the mask is sampled at the centre of each target pixel (nearest, exact), so that thin defects keep their share of
    pixels on average. A defect so small that nothing of it is left then counts at every target pixel it touches: the
    hardest cases must not drop out. Raises InputError where the mask's height and width are not those of its image.
    """
    mask = read_image(path)
    if mask.shape[:2] != frame_shape[:2]:
        raise InputError(
            f"mask is {mask.shape[1]} x {mask.shape[0]} px, its image {frame_shape[1]} x {frame_shape[0]} px",
            str(path),
            "Use the mask of that very image.",
        )
    defective = mask if mask.ndim == 2 else mask.max(axis=2)
    marked = (defective > (127 if path.suffix.lower() in LOSSY else 0)).astype(np.float32)
    sampled = np.asarray(cv2.resize(marked, (size_px, size_px), interpolation=cv2.INTER_NEAREST_EXACT)) > 0
    if sampled.any() or not marked.any():
        return sampled
    return np.asarray(cv2.resize(marked, (size_px, size_px), interpolation=cv2.INTER_AREA)) > 0


def _mask_of(image: Path, masks: Path) -> Path | None:
    present = {path.name.lower(): path for path in masks.iterdir()} if masks.is_dir() else {}
    names = (f"{stem}{suffix}".lower() for stem in (f"{image.stem}_mask", image.stem) for suffix in IMAGE_SUFFIXES)
    return next((present[name] for name in names if name in present), None)
