"""The picture of what a model would be taught: every kind of forged defect on the user's own good images."""

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from line_inspector.model.forging import Forger, Sample
from line_inspector.model.perlin import Mask
from line_inspector.training.tiles import Images, everywhere

TILE_PX = 160
GAP_PX = 6
LABEL_PX = 24
EXAMPLES = 3  # of each kind
BACKGROUND = (250, 250, 250)
INK = (40, 40, 40)
OUTLINE_COLOUR = (40, 40, 230)
FOREGROUND_COLOUR = (60, 170, 60)

Pixels = NDArray[np.uint8]
Forge = Callable[[np.random.Generator, Pixels, Mask | None], Sample]


def draw_forging_sheet(
    forger: Forger, images: Images, seed: int, within: Callable[[int], Mask | None] = everywhere
) -> Pixels:
    """Draw the sheet, uint8 BGR: a row per kind, each forgery beside the image it was forged on, its mask outlined.

    `images` are good ones, uint8 RGB (S, S, 3), at least one. `within` says by an image's index where on it something
    may be forged; where that is not everywhere, it is outlined, too.
    """
    rows = [
        _row(name, partial(forger.forge_with, kind), images, within, [seed, number])
        for number, (name, kind) in enumerate(forger.kinds.items())
    ]
    half = (len(rows) + 1) // 2
    columns = rows[:half], rows[half:] + [np.full_like(rows[0], BACKGROUND[0])] * (2 * half - len(rows))
    return np.hstack([np.vstack(column) for column in columns])


def _row(name: str, forge: Forge, images: Images, within: Callable[[int], Mask | None], seed: Sequence[int]) -> Pixels:
    rng = np.random.default_rng(seed)
    tiles = []
    for _ in range(EXAMPLES):
        index = int(rng.integers(len(images)))
        image, counts = images[index], within(index)
        forged, mask = forge(rng, image, counts)
        gap = np.full((TILE_PX, GAP_PX, 3), BACKGROUND, np.uint8)
        tiles += [gap, _tile(image, counts, FOREGROUND_COLOUR), _tile(forged, mask, OUTLINE_COLOUR)]
    pictures = np.hstack([*tiles, np.full((TILE_PX, GAP_PX, 3), BACKGROUND, np.uint8)])
    label = np.full((LABEL_PX, pictures.shape[1], 3), BACKGROUND, np.uint8)
    cv2.putText(label, name, (GAP_PX, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
    return np.vstack([label, pictures])


def _tile(image: Pixels, mask: Mask | None, colour: tuple[int, int, int]) -> Pixels:
    """One image, RGB (S, S, 3), as a BGR tile, with the mask outlined where there is one."""
    picture = np.asarray(cv2.resize(image[:, :, ::-1], (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA), np.uint8)
    if mask is None:
        return picture
    large = cv2.resize(mask.astype(np.uint8), (TILE_PX, TILE_PX), interpolation=cv2.INTER_NEAREST_EXACT)
    outlines, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(picture.copy(), outlines, -1, colour, 1), np.uint8)
