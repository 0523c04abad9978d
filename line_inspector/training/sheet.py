"""The picture sheet of an evaluation: image, mask, map and outline of the best and the worst cases, as one PNG."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from line_inspector.images import read_image, write_png
from line_inspector.inference.heat import over_frame
from line_inspector.inference.view import WHOLE
from line_inspector.training.evaluate import Case

TILE_PX = 200
LABEL_PX = 22
GAP_PX = 6
BACKGROUND = (250, 250, 250)
INK = (40, 40, 40)
MASK_COLOUR = (60, 180, 60)
OUTLINE_COLOUR = (40, 40, 230)
FONT = cv2.FONT_HERSHEY_SIMPLEX

Picture = NDArray[np.uint8]


def draw_sheet(cases: Sequence[Case], threshold: float, pixel_threshold: float, rows: int = 3) -> Picture:
    """Draw the sheet, uint8 BGR: worst cases on the left, best on the right, `rows` of defective and of good ones.

    Worst are defective images that scored lowest and good ones that scored highest. `threshold` is the
    score's; the outline surrounds what reaches `pixel_threshold`.
    """
    defective = sorted((case for case in cases if case.image.is_defective), key=lambda case: case.score)
    good = sorted((case for case in cases if not case.image.is_defective), key=lambda case: -case.score)
    left = [
        _block("Worst defective: lowest scores", defective[:rows], threshold, pixel_threshold),
        _block("Worst good: highest scores", good[:rows], threshold, pixel_threshold),
    ]
    right = [
        _block("Best defective: highest scores", defective[::-1][:rows], threshold, pixel_threshold),
        _block("Best good: lowest scores", good[::-1][:rows], threshold, pixel_threshold),
    ]
    return np.hstack([np.vstack(left), np.vstack(right)])


def write_sheet(path: Path, cases: Sequence[Case], threshold: float, pixel_threshold: float) -> None:
    """Write the sheet to `path`, a PNG. Raises InputError where it cannot be written."""
    write_png(path, draw_sheet(cases, threshold, pixel_threshold))


def _block(title: str, cases: Sequence[Case], threshold: float, pixel_threshold: float) -> Picture:
    width = 4 * (TILE_PX + GAP_PX) + GAP_PX
    strips = [_label(title, width, scale=0.6), _headings(width)]
    for case in cases:
        verdict = "rejected" if case.score >= threshold else "accepted"
        text = (
            f"{case.image.defect}/{case.image.path.name}: score {case.score:.3f}, threshold {threshold:.3f}, {verdict}"
        )
        strips += [_label(text, width, scale=0.4), _row(case, pixel_threshold)]
    return np.vstack(strips)


def _row(case: Case, pixel_threshold: float) -> Picture:
    frame = read_image(case.image.path)
    colour = np.dstack([frame] * 3) if frame.ndim == 2 else frame
    scale = TILE_PX / max(colour.shape[:2])
    size = (max(1, round(colour.shape[1] * scale)), max(1, round(colour.shape[0] * scale)))
    image = np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    heat = _at_size(case.map, size)
    above = outlined(image, heat >= pixel_threshold, OUTLINE_COLOUR)
    pictures = [image, _mask_picture(case, size), heat_picture(image, heat), above]
    return np.hstack([*(_framed(picture) for picture in pictures), _blank(TILE_PX, GAP_PX)])


def _mask_picture(case: Case, size: tuple[int, int]) -> Picture:
    picture = _blank(size[1], size[0])
    if case.mask is None:
        picture[:] = 225
        cv2.putText(picture, "no mask", (4, 16), FONT, 0.4, INK, 1, cv2.LINE_AA)
        return picture
    picture[:] = 0
    picture[_at_size(case.mask.astype(np.float32), size) >= 0.5] = MASK_COLOUR
    return picture


def _at_size(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """A map at (width, height). Where that is less, the highest value counts: a map of many tiles is larger than its
    picture here, and a defect of a few of its pixels would fall between those of the picture.
    """
    shape = min(size[1], values.shape[0]), min(size[0], values.shape[1])
    cells = over_frame(torch.from_numpy(values)[None], WHOLE, shape)[0].numpy()
    return np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def heat_picture(image: Picture, heat: NDArray[np.float32]) -> Picture:
    """The map, 0..1, in colours over the picture, BGR of the same size."""
    coloured = cv2.applyColorMap((heat * 255).clip(0, 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.asarray(cv2.addWeighted(image, 0.25, coloured, 0.75, 0), dtype=np.uint8)


def outlined(image: Picture, above: NDArray[np.bool_], colour: tuple[int, int, int]) -> Picture:
    """The picture, BGR, with a line around what is true in `above`."""
    contours, _ = cv2.findContours(above.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(image.copy(), contours, -1, colour, 2), dtype=np.uint8)


def _framed(picture: Picture) -> Picture:
    tile = _blank(TILE_PX, TILE_PX + GAP_PX)
    height, width = picture.shape[:2]
    top, left = (TILE_PX - height) // 2, GAP_PX + (TILE_PX - width) // 2
    tile[top : top + height, left : left + width] = picture
    return tile


def _label(text: str, width: int, scale: float) -> Picture:
    strip = _blank(LABEL_PX, width)
    cv2.putText(strip, text, (GAP_PX, LABEL_PX - 7), FONT, scale, INK, 1, cv2.LINE_AA)
    return strip


def _headings(width: int) -> Picture:
    strip = _blank(LABEL_PX, width)
    for column, name in enumerate(("image", "mask", "map", "outlined")):
        place = (GAP_PX + column * (TILE_PX + GAP_PX), LABEL_PX - 7)
        cv2.putText(strip, name, place, FONT, 0.4, INK, 1, cv2.LINE_AA)
    return strip


def _blank(height: int, width: int) -> Picture:
    return np.full((height, width, 3), BACKGROUND, dtype=np.uint8)
