"""Where on its region of interest a product can lie: the mask of a recipe, outside of which nothing is an anomaly."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.images import read_image
from line_inspector.inference.tiling import Mask
from line_inspector.inference.view import View
from line_inspector.model.foreground import USUAL, find_foreground

LOOKED_AT = 200  # good images
LOOK_PX = 256  # side at which the product is looked for
MARGIN_SHARE = 0.03  # of the side, added all around: the next part may lie a little further out
USUAL_SHARES = (0.05, 0.98)

Pixels = NDArray[np.uint8]


def foreground_for(view: View, size_px: int, regions: Pixels, file: Path | None) -> Mask | None:
    """The mask that `view` asks for, boolean (H, W) of its region; None where it asks for none.

    `regions` are good images, uint8 RGB (N, H, W, 3), `file` a mask of the whole frame, not black where an anomaly
    counts. Raises InputError for a mask that marks nothing, and where no product stands out.
    """
    if view.foreground == "file":
        if file is None:
            raise ValueError("a foreground of kind file needs the file")
        return _drawn(file, view, size_px)
    return _computed(regions) if view.foreground == "auto" else None


def coverage_remark(foreground: Mask | None) -> str:
    """What a person should know of a mask before a training with it; empty without one."""
    if foreground is None:
        return ""
    share = float(foreground.mean())
    told = f"the foreground is {share:.1%} of the region of interest; what lies beside it is never an anomaly"
    if share < USUAL_SHARES[0]:
        return f"{told}. That is very little: does it really cover the product, wherever it lies?"
    if share > USUAL_SHARES[1]:
        return f"{told}. That is nearly all of it: a mask is of no use here"
    return told


def _computed(regions: Pixels) -> Mask:
    """All places that the product takes on any of the good images, and a margin."""
    height, width = regions.shape[1:3]
    chosen = np.linspace(0, len(regions) - 1, min(LOOKED_AT, len(regions))).astype(int)
    masks = (_product(regions[index]) for index in chosen)
    found = [mask for mask in masks if mask is not None]
    if len(found) < USUAL * len(chosen):
        what = f"the product stands out against a plain ground in {len(found)} of {len(chosen)} good images only"
        remedy = "Draw a mask and name its file, or set --foreground none."
        raise InputError(what, "--foreground auto", remedy)
    side = 2 * round(MARGIN_SHARE * LOOK_PX) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    grown = cv2.dilate(np.logical_or.reduce(found).astype(np.uint8), kernel)
    return np.asarray(cv2.resize(grown, (width, height), interpolation=cv2.INTER_NEAREST_EXACT) > 0)


def _product(region: Pixels) -> Mask | None:
    small = cv2.resize(region, (LOOK_PX, LOOK_PX), interpolation=cv2.INTER_AREA)
    return find_foreground(np.asarray(small, dtype=np.uint8))


def _drawn(file: Path, view: View, size_px: int) -> Mask:
    mask = read_image(file)
    marked = np.asarray(view.cut(mask if mask.ndim == 2 else mask.max(axis=2)) > 127)
    height, width = view.region_shape(size_px)
    if not marked.any():
        raise InputError("marks nothing in the region of interest", str(file), "Paint it white where the product is.")
    return np.asarray(cv2.resize(marked.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) > 0)
