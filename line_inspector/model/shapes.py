"""Where a forged defect shows: shapes drawn at random, as float32 (S, S) of 0..1. Sizes are shares of the side S."""

import cv2
import numpy as np
from numpy.typing import NDArray

from line_inspector.model.perlin import perlin_mask, perlin_noise

Alpha = NDArray[np.float32]  # (S, S), 0..1: how much of the defect shows


def walk(rng: np.random.Generator, size_px: int, steps: int, bend: float) -> NDArray[np.int32]:
    """Points of a random walk, (steps + 1, 2) as x, y; `bend` is the spread of each turn in radians."""
    headings = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, bend, steps))
    stride = rng.uniform(0.1, 0.9) * size_px / steps
    moves = stride * np.stack([np.cos(headings), np.sin(headings)], axis=1)
    start = rng.uniform(0, size_px, (1, 2))
    return np.asarray(np.concatenate([start, start + np.cumsum(moves, axis=0)]), dtype=np.int32)


def ellipse(rng: np.random.Generator, size_px: int, short: float, long: float, softness_px: float) -> Alpha:
    """A filled ellipse somewhere in the image; half axes as shares of the side."""
    canvas = np.zeros((size_px, size_px), np.float32)
    centre = tuple(int(v) for v in rng.integers(0, size_px, 2))
    axes = (max(1, round(short * size_px)), max(1, round(long * size_px)))
    cv2.ellipse(canvas, centre, axes, rng.uniform(0, 180), 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), max(softness_px, 0.3)), np.float32)


def band(rng: np.random.Generator, size_px: int) -> Alpha:
    """A soft stripe in any direction, of any length."""
    direction, sigma = rng.uniform(0, np.pi), rng.uniform(0.03, 0.2) * size_px
    cy, cx = rng.uniform(0, size_px, 2)
    y, x = np.ogrid[:size_px, :size_px]
    across = (x - cx) * np.cos(direction) + (y - cy) * np.sin(direction)
    along = (y - cy) * np.cos(direction) - (x - cx) * np.sin(direction)
    reach = rng.uniform(0.2, 1.5) * size_px
    return np.asarray(np.exp(-0.5 * (across / sigma) ** 2 - 0.5 * (along / reach) ** 2), np.float32)


def ragged(rng: np.random.Generator, size_px: int) -> Alpha:
    """Coarse noise over the whole image, to eat into an outline."""
    cells = int(2 ** rng.integers(3, 6))
    return np.asarray(np.clip(0.7 + perlin_noise(rng, size_px, cells, cells), 0, 1), np.float32)


def patch(rng: np.random.Generator, size_px: int) -> Alpha:
    """Where a change of texture shows: a soft ellipse, or a Perlin mask."""
    if rng.random() < 0.5:
        return ellipse(rng, size_px, rng.uniform(0.03, 0.15), rng.uniform(0.05, 0.3), rng.uniform(0.5, 6))
    return np.asarray(cv2.GaussianBlur(perlin_mask(rng, size_px).astype(np.float32), (0, 0), rng.uniform(0.5, 3)))


def polygon(rng: np.random.Generator, size_px: int, centre: NDArray[np.float64], reach_px: float) -> Alpha:
    """A jagged star-shaped polygon of 5 to 11 corners about `centre` (x, y), none further than about `reach_px`."""
    corners = int(rng.integers(5, 12))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radii = rng.uniform(0.3, 1, corners) * reach_px
    outline = centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.uniform(0.4, 1.6, 2)
    canvas = np.zeros((size_px, size_px), np.uint8)
    cv2.fillPoly(canvas, [outline.astype(np.int32)], 255, cv2.LINE_AA)
    return np.asarray(canvas, np.float32) / np.float32(255)
