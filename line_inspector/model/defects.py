"""Structural forgeries: small pure functions, each draws one believable kind of defect into a good image.

Each takes a generator and an image, uint8 (S, S, 3), and returns the damaged image and the mask, boolean (S, S), of
what it damaged. Sizes scale with S; the numbers are shares of it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from line_inspector.model.perlin import Mask, perlin_mask, perlin_noise
from line_inspector.model.textures import Image

Alpha = NDArray[np.float32]  # (S, S), 0..1: how much of the defect shows
Defect = Callable[[np.random.Generator, Image], tuple[Image, Mask]]


def scratch(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """One to three thin, slightly bent lines, lighter or darker than what they cross."""
    alpha = np.zeros(image.shape[:2], np.uint8)
    for _ in range(rng.integers(1, 4)):
        points = _walk(rng, image.shape[0], steps=int(rng.integers(3, 12)), bend=0.15)
        cv2.polylines(alpha, [points], False, 255, int(rng.integers(1, 4)), cv2.LINE_AA)
    return _shade(image, _unit(alpha), _contrast(rng, 20, 110))


def crack(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """A jagged dark line with branches."""
    alpha = np.zeros(image.shape[:2], np.uint8)
    trunk = _walk(rng, image.shape[0], steps=int(rng.integers(6, 25)), bend=0.7)
    cv2.polylines(alpha, [trunk], False, 255, int(rng.integers(1, 5)), cv2.LINE_AA)
    for _ in range(rng.integers(0, 4)):
        branch = _walk(rng, image.shape[0], steps=int(rng.integers(2, 8)), bend=0.7)
        branch += trunk[rng.integers(len(trunk))] - branch[0]
        cv2.polylines(alpha, [branch], False, 255, 1, cv2.LINE_AA)
    return _shade(image, _unit(alpha), -rng.uniform(30, 130))


def spots(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """One to four small round or oval spots: holes, inclusions, drops."""
    alpha = np.zeros(image.shape[:2], np.float32)
    for _ in range(rng.integers(1, 5)):
        radius = rng.uniform(0.008, 0.06)
        alpha = np.maximum(
            alpha, _ellipse(rng, image.shape[0], radius, radius * rng.uniform(1, 2.5), rng.uniform(0.5, 3))
        )
    return _shade(image, alpha, _contrast(rng, 25, 140))


def stain(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """A larger patch of another tone with a soft outline, through which the surface still shows."""
    size = image.shape[0]
    long, short = rng.uniform(0.08, 0.3), rng.uniform(0.05, 0.15)
    alpha = _ellipse(rng, size, short, long, rng.uniform(2, 12)) * _ragged(rng, size)
    return _shade(image, alpha, _contrast(rng, 12, 70))


def uneven(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """A wide, faint change of brightness without an edge: bands, clouds, large soft patches."""
    size = image.shape[0]
    kind = rng.integers(3)
    if kind == 0:
        alpha = _band(rng, size)
    elif kind == 1:
        alpha = np.clip(perlin_noise(rng, size, *rng.integers(1, 5, 2).tolist()) * 1.6, 0, 1)
    else:
        alpha = _ellipse(rng, size, rng.uniform(0.08, 0.25), rng.uniform(0.15, 0.6), size * rng.uniform(0.03, 0.1))
    alpha = np.asarray(alpha / max(float(np.max(alpha)), 1e-6), np.float32)
    gain = rng.uniform(0.1, 0.5) * rng.choice((-1.0, 1.0))
    changed = image * (1 + gain * alpha)[..., None] + (gain * rng.uniform(0, 40) * alpha)[..., None]
    return _to_uint8(changed), alpha > 0.4


def missing(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """Material broken off: a jagged polygon, often at the border, filled with one tone and a little noise."""
    size = image.shape[0]
    centre = rng.uniform(0, size, 2)
    if rng.random() < 0.6:
        centre[rng.integers(2)] = rng.choice((0, size - 1))
    corners = int(rng.integers(5, 12))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radii = rng.uniform(0.3, 1, corners) * rng.uniform(0.04, 0.25) * size
    outline = centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.uniform(0.4, 1.6, 2)
    alpha = np.zeros((size, size), np.uint8)
    cv2.fillPoly(alpha, [outline.astype(np.int32)], 255, cv2.LINE_AA)
    tone = image[rng.integers(size), rng.integers(size)] * rng.uniform(0.2, 1.4)
    grain = rng.standard_normal((size, size, 1), dtype=np.float32) * rng.uniform(0, 12)
    return _blend(image, tone.astype(np.float32) + grain, _unit(alpha))


def smear(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """The surface's own texture blurred along one direction within a patch."""
    length = int(rng.integers(5, 25))
    kernel = np.zeros((length, length), np.float32)
    direction = rng.uniform(0, np.pi)
    reach = 0.5 * length * np.array([np.cos(direction), np.sin(direction)])
    middle = length / 2
    ends = [tuple(int(v) for v in middle + sign * reach) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, int(rng.integers(1, 4)))
    blurred = np.asarray(cv2.filter2D(image, cv2.CV_32F, kernel / max(float(kernel.sum()), 1.0)), np.float32)
    return _blend(image, blurred, _patch(rng, image.shape[0]))


def roughness(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """The texture's own contrast raised within a patch, with some grain."""
    smooth = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(1.5, 5)), np.float32)
    grain = rng.standard_normal(image.shape[:2] + (1,), dtype=np.float32) * rng.uniform(4, 20)
    softened = np.asarray(cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.3, 1.5)), np.float32)[..., None]
    rough = np.asarray(smooth + (image - smooth) * rng.uniform(1.5, 4) + softened, np.float32)
    return _blend(image, rough, _patch(rng, image.shape[0]))


def displaced(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """A patch of the same image in the wrong place, as CutPaste (Li et al., CVPR 2021), with a soft outline."""
    shift = (rng.uniform(0.1, 0.5, 2) * rng.choice((-1.0, 1.0), 2) * image.shape[0]).astype(int)
    moved = np.roll(image, tuple(shift.tolist()), axis=(0, 1)).astype(np.float32)
    return _blend(image, moved * rng.uniform(0.8, 1.2), _patch(rng, image.shape[0]))


def dent(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """The image pulled towards or pushed from a point, with light on one flank and shade on the other."""
    size = image.shape[0]
    radius = rng.uniform(0.05, 0.2) * size
    cy, cx = rng.uniform(0, size, 2)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    dy, dx = (y - cy) / radius, (x - cx) / radius
    bump = np.exp(-(dx * dx + dy * dy)).astype(np.float32)
    pull = np.float32(rng.uniform(0.3, 0.7) * rng.choice((-1.0, 1.0)) * radius)
    map_x, map_y = (np.asarray(at + pull * d * bump, np.float32) for at, d in ((x, dx), (y, dy)))
    warped = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)
    light = rng.uniform(0, 2 * np.pi)
    flank = (dx * np.cos(light) + dy * np.sin(light)) * bump * rng.uniform(20, 120)
    return _to_uint8(warped + flank[..., None]), bump > 0.3


DEFECTS: Sequence[Defect] = (
    scratch,
    crack,
    spots,
    stain,
    uneven,
    missing,
    smear,
    roughness,
    displaced,
    dent,
)


def _walk(rng: np.random.Generator, size_px: int, steps: int, bend: float) -> NDArray[np.int32]:
    """Points of a random walk, (steps + 1, 2) as x, y; `bend` is the spread of each turn in radians."""
    headings = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, bend, steps))
    stride = rng.uniform(0.1, 0.9) * size_px / steps
    moves = stride * np.stack([np.cos(headings), np.sin(headings)], axis=1)
    start = rng.uniform(0, size_px, (1, 2))
    return np.asarray(np.concatenate([start, start + np.cumsum(moves, axis=0)]), dtype=np.int32)


def _ellipse(rng: np.random.Generator, size_px: int, short: float, long: float, softness_px: float) -> Alpha:
    """A filled ellipse somewhere in the image; half axes as shares of the side."""
    canvas = np.zeros((size_px, size_px), np.float32)
    centre = tuple(int(v) for v in rng.integers(0, size_px, 2))
    axes = (max(1, round(short * size_px)), max(1, round(long * size_px)))
    cv2.ellipse(canvas, centre, axes, rng.uniform(0, 180), 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), max(softness_px, 0.3)), np.float32)


def _band(rng: np.random.Generator, size_px: int) -> Alpha:
    direction, sigma = rng.uniform(0, np.pi), rng.uniform(0.03, 0.2) * size_px
    cy, cx = rng.uniform(0, size_px, 2)
    y, x = np.ogrid[:size_px, :size_px]
    across = (x - cx) * np.cos(direction) + (y - cy) * np.sin(direction)
    along = (y - cy) * np.cos(direction) - (x - cx) * np.sin(direction)
    reach = rng.uniform(0.2, 1.5) * size_px
    return np.asarray(np.exp(-0.5 * (across / sigma) ** 2 - 0.5 * (along / reach) ** 2), np.float32)


def _ragged(rng: np.random.Generator, size_px: int) -> Alpha:
    cells = int(2 ** rng.integers(3, 6))
    return np.asarray(np.clip(0.7 + perlin_noise(rng, size_px, cells, cells), 0, 1), np.float32)


def _patch(rng: np.random.Generator, size_px: int) -> Alpha:
    """Where a change of texture shows: a soft ellipse, or a Perlin mask."""
    if rng.random() < 0.5:
        return _ellipse(rng, size_px, rng.uniform(0.03, 0.15), rng.uniform(0.05, 0.3), rng.uniform(0.5, 6))
    return np.asarray(cv2.GaussianBlur(perlin_mask(rng, size_px).astype(np.float32), (0, 0), rng.uniform(0.5, 3)))


def _contrast(rng: np.random.Generator, least: float, most: float) -> float:
    return float(rng.uniform(least, most) * rng.choice((-1.0, 1.0)))


def _unit(alpha: Image) -> Alpha:
    return np.asarray(alpha, np.float32) / np.float32(255)


def _shade(image: Image, alpha: Alpha, contrast: float) -> tuple[Image, Mask]:
    return _to_uint8(image + (contrast * alpha)[..., None]), alpha > 0.3


def _blend(image: Image, other: NDArray[np.float32], alpha: Alpha) -> tuple[Image, Mask]:
    return _to_uint8(image + alpha[..., None] * (other - image)), alpha > 0.3


def _to_uint8(image: NDArray[Any]) -> Image:
    return np.asarray(np.clip(image, 0, 255), dtype=np.uint8)
