"""The foreground of a recipe: where on the canvas anomalies count, from good parts or from a picture."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.images import read_image
from line_inspector.inference.view import View
from line_inspector.model.foreground import find_foreground, stands_out

MARGIN_SHARE = 0.03  # of the canvas, added all around: parts do not lie to the pixel where the good ones lay
HARDLY_ANY, NEARLY_ALL = 0.05, 0.98

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def with_foreground(view: View, foreground: str, size_px: int, canvases: Sequence[Pixels] | Pixels) -> View:
    """The view with its foreground: "none", "auto" from good canvases, uint8 RGB (N, H, W, 3), or a picture's path.

    Raises InputError for good parts that do not stand out, or a picture that cannot be read, or is all black.
    """
    if foreground == "none":
        return view
    mask = _common(canvases) if foreground == "auto" else _painted(Path(foreground), view, size_px)
    return msgspec.structs.replace(view, foreground=cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes())


def remark_on(view: View) -> str:
    """What a person should know about the foreground; empty where there is none."""
    if view.foreground is None:
        return ""
    share = float(np.mean(view.mask()))
    if HARDLY_ANY <= share <= NEARLY_ALL:
        return f"Anomalies count on {share:.0%} of the region; nothing outside of that will ever reject a part."
    return f"warning: the foreground is {share:.1%} of the region. Is it the right one?"


def _common(canvases: Sequence[Pixels] | Pixels) -> Mask:
    """Everywhere that any good part covers, and a margin."""
    if not stands_out(list(canvases)):
        what = "the good parts do not stand out against a plain ground"
        raise InputError(what, "--foreground auto", "Paint a picture of the foreground and name it, or give none.")
    found = [mask for mask in map(find_foreground, canvases) if mask is not None]
    covered = np.any(found, axis=0).astype(np.uint8)
    margin = 2 * max(1, round(MARGIN_SHARE * max(covered.shape))) + 1
    return np.asarray(cv2.dilate(covered, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (margin, margin))) > 0)


def _painted(path: Path, view: View, size_px: int) -> Mask:
    """A picture over the whole frame, black where nothing counts."""
    picture = read_image(path)
    grey = picture if picture.ndim == 2 else picture.max(axis=2)
    height_px, width_px = view.canvas_shape(size_px)
    mask = np.asarray(cv2.resize(view.crop(grey), (width_px, height_px), interpolation=cv2.INTER_NEAREST_EXACT)) > 127
    if not mask.any():
        raise InputError("it is black all over the region", str(path), "Paint white where anomalies count.")
    return mask
