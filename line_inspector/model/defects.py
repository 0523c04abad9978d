"""Structural forgeries: small pure functions, each draws one believable kind of defect into a good image.

Each takes a generator and an image, uint8 (S, S, 3), and returns the damaged image, a new one, and the mask, boolean
(S, S), of what it damaged. The mask ends where a soft outline has faded to about a third. It is empty now and then,
where a draw came out beside the image or too faint: forging.py draws again. Sizes scale with S; the numbers are shares
of it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from line_inspector.model.perlin import Mask, perlin_noise
from line_inspector.model.shapes import Alpha, band, ellipse, patch, polygon, ragged, walk
from line_inspector.model.textures import Image, procedural_texture

Defect = Callable[[np.random.Generator, Image], tuple[Image, Mask]]


def scratch(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """One to three thin, slightly bent lines, lighter or darker than what they cross."""
    alpha = np.zeros(image.shape[:2], np.uint8)
    for _ in range(rng.integers(1, 4)):
        points = walk(rng, image.shape[0], steps=int(rng.integers(3, 12)), bend=0.15)
        cv2.polylines(alpha, [points], False, 255, int(rng.integers(1, 4)), cv2.LINE_AA)
    return _shade(image, _unit(alpha), _contrast(rng, 20, 110))


def crack(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """A jagged dark line with branches."""
    alpha = np.zeros(image.shape[:2], np.uint8)
    trunk = walk(rng, image.shape[0], steps=int(rng.integers(6, 25)), bend=0.7)
    cv2.polylines(alpha, [trunk], False, 255, int(rng.integers(1, 5)), cv2.LINE_AA)
    for _ in range(rng.integers(0, 4)):
        branch = walk(rng, image.shape[0], steps=int(rng.integers(2, 8)), bend=0.7)
        branch += trunk[rng.integers(len(trunk))] - branch[0]
        cv2.polylines(alpha, [branch], False, 255, 1, cv2.LINE_AA)
    return _shade(image, _unit(alpha), -rng.uniform(30, 130))


def spots(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """One to four small round or oval spots: holes, inclusions, drops."""
    alpha = np.zeros(image.shape[:2], np.float32)
    for _ in range(rng.integers(1, 5)):
        radius = rng.uniform(0.008, 0.06)
        alpha = np.maximum(
            alpha, ellipse(rng, image.shape[0], radius, radius * rng.uniform(1, 2.5), rng.uniform(0.5, 3))
        )
    return _shade(image, alpha, _contrast(rng, 25, 140))


def stain(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """A larger patch of another tone with a soft outline, through which the surface still shows."""
    size = image.shape[0]
    long, short = rng.uniform(0.08, 0.3), rng.uniform(0.05, 0.15)
    alpha = ellipse(rng, size, short, long, rng.uniform(2, 12)) * ragged(rng, size)
    return _shade(image, alpha, _contrast(rng, 12, 70))


def uneven(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """A wide, faint change of brightness without an edge: bands, clouds, large soft patches."""
    size = image.shape[0]
    kind = rng.integers(3)
    if kind == 0:
        alpha = band(rng, size)
    elif kind == 1:
        alpha = np.clip(perlin_noise(rng, size, *rng.integers(1, 5, 2).tolist()) * 1.6, 0, 1)
    else:
        alpha = ellipse(rng, size, rng.uniform(0.08, 0.25), rng.uniform(0.15, 0.6), size * rng.uniform(0.03, 0.1))
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
    alpha = polygon(rng, size, centre, rng.uniform(0.04, 0.25) * size)
    tone = image[rng.integers(size), rng.integers(size)] * rng.uniform(0.2, 1.4)
    grain = rng.standard_normal((size, size, 1), dtype=np.float32) * rng.uniform(0, 12)
    return _blend(image, tone.astype(np.float32) + grain, alpha)


def foreign_body(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """Something that does not belong: a chip, a fibre or a drop with its own texture, that throws a soft shadow."""
    size = image.shape[0]
    if rng.random() < 0.3:  # a fibre
        canvas = np.zeros((size, size), np.uint8)
        fibre = walk(rng, size, steps=int(rng.integers(8, 20)), bend=0.4)
        cv2.polylines(canvas, [fibre], False, 255, int(rng.integers(1, 4)), cv2.LINE_AA)
        body = _unit(canvas)
    else:
        body = polygon(rng, size, rng.uniform(0, size, 2), rng.uniform(0.03, 0.12) * size)
    dy, dx = (rng.uniform(1, 4, 2) * rng.choice((-1.0, 1.0), 2)).round()
    fallen = cv2.warpAffine(body, np.array([[1, 0, dx], [0, 1, dy]]), (size, size))  # beyond the border it is gone
    shadow = cv2.GaussianBlur(fallen, (0, 0), rng.uniform(1, 3))
    shaded = image * (1 - rng.uniform(0.2, 0.6) * np.asarray(shadow, np.float32))[..., None]
    changed, _ = _blend(np.asarray(shaded, np.float32), procedural_texture(rng, size).astype(np.float32), body)
    return changed, body > 0.3


def blur(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """A patch out of focus."""
    soft = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(1.5, 8)), np.float32)
    return _blend(image, soft, patch(rng, image.shape[0]))


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
    return _blend(image, blurred, patch(rng, image.shape[0]))


def roughness(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """The texture's own contrast raised within a patch, with some grain."""
    smooth = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(1.5, 5)), np.float32)
    grain = rng.standard_normal(image.shape[:2] + (1,), dtype=np.float32) * rng.uniform(4, 20)
    softened = np.asarray(cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.3, 1.5)), np.float32)[..., None]
    rough = np.asarray(smooth + (image - smooth) * rng.uniform(1.5, 4) + softened, np.float32)
    return _blend(image, rough, patch(rng, image.shape[0]))


def displaced(rng: np.random.Generator, image: Image) -> tuple[Image, Mask]:
    """A patch of the same image in the wrong place, as CutPaste (Li et al., CVPR 2021), with a soft outline."""
    shift = (rng.uniform(0.1, 0.5, 2) * rng.choice((-1.0, 1.0), 2) * image.shape[0]).astype(int)
    moved = np.roll(image, tuple(shift.tolist()), axis=(0, 1)).astype(np.float32)
    return _blend(image, moved * rng.uniform(0.8, 1.2), patch(rng, image.shape[0]))


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
    foreign_body,
    blur,
    smear,
    roughness,
    displaced,
    dent,
)


def _contrast(rng: np.random.Generator, least: float, most: float) -> float:
    return float(rng.uniform(least, most) * rng.choice((-1.0, 1.0)))


def _unit(alpha: Image) -> Alpha:
    return np.asarray(alpha, np.float32) / np.float32(255)


def _shade(image: Image, alpha: Alpha, contrast: float) -> tuple[Image, Mask]:
    return _to_uint8(image + (contrast * alpha)[..., None]), alpha > 0.3


def _blend(image: NDArray[Any], other: NDArray[np.float32], alpha: Alpha) -> tuple[Image, Mask]:
    return _to_uint8(image + alpha[..., None] * (other - image)), alpha > 0.3


def _to_uint8(image: NDArray[Any]) -> Image:
    return np.asarray(np.clip(image, 0, 255), dtype=np.uint8)
