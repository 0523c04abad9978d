"""From a camera's frame to the model's input: the only resize and colour path, for training and inference alike."""

import cv2
import numpy as np
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.inference.view import WHOLE, View

COLOUR_ORDER = "RGB"
RESIZE = "area when shrinking, linear when enlarging; the aspect ratio is not kept"


def frame_fault(frame: NDArray[np.uint8]) -> str | None:
    """Say what keeps `frame` from being inspected, or None for a uint8 frame of (H, W) or (H, W, 3)."""
    if not isinstance(frame, np.ndarray):
        return f"expected a numpy array, got {type(frame).__name__}"
    if frame.dtype != np.uint8:
        return f"expected 8-bit pixels, got {frame.dtype}"
    if frame.ndim != 2 and (frame.ndim != 3 or frame.shape[2] != 3):
        return f"expected (height, width) or (height, width, 3), got {frame.shape}"
    if 0 in frame.shape:
        return f"the frame is empty: {frame.shape}"
    return None


def to_model_input(frame: NDArray[np.uint8], size_px: int, view: View = WHOLE) -> NDArray[np.uint8]:
    """Turn a uint8 frame, mono (H, W) or BGR (H, W, 3), into uint8 RGB of what `view` looks at, contiguous.

    That is (3, size_px, size_px) of the whole frame, or (3, *view.region_shape(size_px)), from which tiling.py cuts
    the tiles: the whole region is resized at once, so that two tiles have the same pixels where they overlap.
    Raises InputError for any other type or shape.
    """
    fault = frame_fault(frame)
    if fault is not None:
        raise InputError(fault, "frame", "Set the camera or convert the image to 8-bit mono or BGR.")
    resized = _resize(view.cut(frame), view.region_shape(size_px))
    if resized.ndim == 2:
        return np.ascontiguousarray(np.broadcast_to(resized, (3, *resized.shape)))
    return np.ascontiguousarray(resized[:, :, ::-1].transpose(2, 0, 1))


def _resize(frame: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    if frame.shape[:2] == shape:
        return frame
    height, width = shape
    shrinking = frame.shape[0] * frame.shape[1] > height * width
    resized = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)
