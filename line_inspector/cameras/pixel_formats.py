"""GenICam pixel formats (names of the Pixel Format Naming Convention, PFNC 2.4) turned into our frames."""

import cv2
import numpy as np

from line_inspector.images import Frame

_AS_IS: dict[str, int | None] = {"Mono8": None, "BGR8": None, "BGR8Packed": None}
_CONVERT: dict[str, int | None] = {
    "RGB8": cv2.COLOR_RGB2BGR,
    "RGB8Packed": cv2.COLOR_RGB2BGR,
    "RGBa8": cv2.COLOR_RGBA2BGR,
    "BGRa8": cv2.COLOR_BGRA2BGR,
    # PFNC names the mosaic by its first row, as OpenCV's four-letter aliases do (its two-letter names do not).
    "BayerRG8": cv2.COLOR_BayerRGGB2BGR,
    "BayerGR8": cv2.COLOR_BayerGRBG2BGR,
    "BayerGB8": cv2.COLOR_BayerGBRG2BGR,
    "BayerBG8": cv2.COLOR_BayerBGGR2BGR,
}
_CODES = _AS_IS | _CONVERT
PIXEL_FORMATS = tuple(_CODES)


def channels(pixel_format: str) -> int:
    """Bytes per pixel of one of PIXEL_FORMATS."""
    if pixel_format.startswith(("Mono", "Bayer")):
        return 1
    return 4 if "a8" in pixel_format else 3


def to_frame(data: Frame, width_px: int, height_px: int, pixel_format: str, padding_bytes: int = 0) -> Frame:
    """A camera buffer as uint8 (H, W) mono or (H, W, 3) BGR, without the padding at the end of each row.

    Mono and BGR are looked at in place, read-only; every other format is converted, into new memory. `data` is flat
    uint8. Raises ValueError for a format outside PIXEL_FORMATS or a buffer too short for its size.
    """
    if pixel_format not in _CODES:
        raise ValueError(f"pixel format {pixel_format} is not one of {', '.join(PIXEL_FORMATS)}")
    depth = channels(pixel_format)
    row_bytes = width_px * depth
    stride_bytes = row_bytes + padding_bytes
    if data.size < stride_bytes * height_px:
        raise ValueError(f"buffer of {data.size} bytes is too short for {width_px} x {height_px} px of {pixel_format}")
    rows = data[: stride_bytes * height_px].reshape(height_px, stride_bytes)[:, :row_bytes]
    picture = rows if depth == 1 else rows.reshape(height_px, width_px, depth)
    code = _CODES[pixel_format]
    if code is None:
        picture.flags.writeable = False
        return picture
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(picture), code), dtype=np.uint8)
