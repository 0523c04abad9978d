"""Where the product lies in an image, if it stands out against a plain ground that surrounds it."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from line_inspector.model.perlin import Mask

BORDER_SHARE = 0.02  # of the side: the frame of pixels by which the ground is judged
LEAST_SEPARATION = 0.75  # variance between ground and product, of all variance (Otsu's criterion)
MOST_AT_BORDER = 0.15  # share of the border that the product may touch
SHARES = (0.03, 0.9)  # of the image: a product outside of these is none, or fills the frame
MARGIN_SHARE = 0.01  # of the side, added all around: a defect at the rim changes the rim
USUAL = 0.8  # share of the good images in which the product must stand out

Pixels = NDArray[np.uint8]


def stands_out(images: Sequence[Pixels]) -> bool:
    """Whether these images, uint8 (S, S, 3), show a product on a plain ground, as far as `find_foreground` can tell."""
    found = [find_foreground(image) is not None for image in images]
    return bool(found) and float(np.mean(found)) >= USUAL


def find_foreground(image: Pixels) -> Mask | None:
    """Boolean (S, S) of an image, uint8 (S, S, 3); None where no product stands out.

    The ground is the median colour of the image's border. The product is what differs from it by more than Otsu's
    threshold, its holes filled, if that parts the image well and hardly reaches the border.
    """
    frame = _border(image.shape[0])
    ground = np.median(image[frame].astype(np.float32), axis=0)
    smooth = cv2.GaussianBlur(image, (0, 0), image.shape[0] / 128).astype(np.float32)
    contrast = np.abs(smooth - ground).max(axis=2)
    level, _ = cv2.threshold(contrast.clip(0, 255).astype(np.uint8), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    apart = contrast > level
    product = _filled(apart)
    clear = (
        _separation(contrast, apart) >= LEAST_SEPARATION
        and product[frame].mean() <= MOST_AT_BORDER
        and SHARES[0] < product.mean() < SHARES[1]
    )
    return product if clear else None


def _border(size_px: int) -> Mask:
    width = max(1, round(BORDER_SHARE * size_px))
    frame = np.ones((size_px, size_px), np.bool_)
    frame[width:-width, width:-width] = False
    return frame


def _separation(values: NDArray[np.float32], apart: Mask) -> float:
    """Between-class variance over total variance, 0..1."""
    total, share = float(values.var()), float(apart.mean())
    if total == 0.0 or share in (0.0, 1.0):
        return 0.0
    gap = float(values[apart].mean() - values[~apart].mean())
    return share * (1.0 - share) * gap * gap / total


def _filled(mask: Mask) -> Mask:
    """The outlines of a mask, grown by the margin and filled; specks that the margin is larger than are dropped."""
    margin = 2 * max(1, round(MARGIN_SHARE * mask.shape[0])) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (margin, margin))
    clean = cv2.dilate(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel), kernel)
    outlines, _ = cv2.findContours(clean, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(clean), outlines, -1, 1, cv2.FILLED) > 0)
