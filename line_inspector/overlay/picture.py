"""From a frame and its heat map to the two JPEGs that the page shows.

A caption under the pixels names the part and its verdict, so that a picture says itself what it is a picture of, on a
slow connection, in a cache or in a screenshot.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from line_inspector.images import Frame
from line_inspector.messages import HEAT_SIDE_PX, Result
from line_inspector.overlay.album import Picture

LONGEST_SIDE_PX = 640
JPEG_QUALITY = 82
STRONGEST_OPACITY = 0.6
UNKNOWN_THRESHOLD = 0.5
OUTLINE_BGR = (255, 255, 255)
SHADOW_BGR = (0, 0, 0)
CAPTION_HEIGHT_PX = 30
ACCEPT_BGR = (55, 127, 26)
REJECT_BGR = (28, 22, 196)

Heat = NDArray[np.float32]


def draw(frame: Frame, result: Result) -> Picture:
    """The frame at display size, once plain and once with the result's heat map and defect outline."""
    plain = _display_size(frame)
    heat = heat_map(result)
    if heat is None:
        encoded = _jpeg(caption(plain, result))
        return Picture(encoded, encoded)
    threshold = usable_threshold(result)
    marked = blend(plain, heat, threshold)
    if not result.accepted:
        outline(marked, heat, outline_level(heat, result.pixel_threshold))
    return Picture(_jpeg(caption(plain, result)), _jpeg(caption(marked, result)))


def usable_threshold(result: Result) -> float:
    """The result's threshold where a scale can be built on it, or else UNKNOWN_THRESHOLD."""
    threshold = result.threshold
    return threshold if threshold is not None and 0 < threshold < math.inf else UNKNOWN_THRESHOLD


def heat_map(result: Result) -> Heat | None:
    """The heat as float32 (HEAT_SIDE_PX, HEAT_SIDE_PX) in 0..1, or None when the part has none."""
    if len(result.heat) != HEAT_SIDE_PX**2:
        return None
    heat = np.frombuffer(result.heat, np.uint8).reshape(HEAT_SIDE_PX, HEAT_SIDE_PX)
    return heat.astype(np.float32) / np.float32(255)


def outline_level(heat: Heat, pixel_threshold: float | None) -> float:
    """Where the outline runs: at the pixels' threshold, or below it where no place reaches that: a reject has one."""
    highest = 0.7 * float(np.max(heat))
    return highest if pixel_threshold is None else min(pixel_threshold, highest)


def blend(frame: Frame, heat: Heat, threshold: float) -> Frame:
    """The BGR frame with the heat over it, its threshold in the middle of the scale, cold places left as they are."""
    height, width = frame.shape[:2]
    scaled = cv2.resize(np.clip(heat / (2 * threshold), 0, 1), (width, height), interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap((scaled * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    opacity = (np.clip(2 * scaled, 0, 1) * STRONGEST_OPACITY)[:, :, None]
    return np.asarray(frame * (1 - opacity) + colours * opacity, dtype=np.uint8)


def outline(picture: Frame, heat: Heat, level: float) -> None:
    """Draws the contour of heat >= level into the picture: white on black, to be seen on any part."""
    if level <= 0:
        return
    found = contours(heat, level, (picture.shape[0], picture.shape[1]))
    cv2.drawContours(picture, found, -1, SHADOW_BGR, 5, cv2.LINE_AA)
    cv2.drawContours(picture, found, -1, OUTLINE_BGR, 2, cv2.LINE_AA)


def contours(heat: Heat, level: float, shape: tuple[int, int]) -> Sequence[NDArray[np.int32]]:
    """Where heat >= level begins, in pixels of a picture of that (height, width): closed lines of points (x, y)."""
    hot = cv2.resize(heat, shape[::-1], interpolation=cv2.INTER_LINEAR) >= level
    found, _ = cv2.findContours(hot.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [np.asarray(line, np.int32) for line in found]


def caption(picture: Frame, result: Result) -> Frame:
    """The picture with a line of text under it, not over it: no pixel of the part is hidden."""
    band = np.empty((CAPTION_HEIGHT_PX, picture.shape[1], 3), np.uint8)
    band[:] = ACCEPT_BGR if result.accepted else REJECT_BGR
    text = f"{'ACCEPT' if result.accepted else 'REJECT'}  {result.part_id}"
    cv2.putText(band, text, (10, CAPTION_HEIGHT_PX - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.6, OUTLINE_BGR, 1, cv2.LINE_AA)
    return np.vstack((picture, band))


def _display_size(frame: Frame) -> Frame:
    """BGR, its longest side LONGEST_SIDE_PX, so that lines look alike on every camera."""
    scale = LONGEST_SIDE_PX / max(frame.shape[:2])
    size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    resized = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return np.asarray(resized if resized.ndim == 3 else cv2.cvtColor(resized, cv2.COLOR_GRAY2BGR), dtype=np.uint8)


def _jpeg(picture: Frame) -> bytes:
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not ok:
        raise ValueError(f"cannot encode a picture of shape {picture.shape}")
    return data.tobytes()
