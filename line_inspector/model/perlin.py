"""Perlin gradient noise, and the anomaly masks that DRAEM (Zavrtanik et al., ICCV 2021) cuts from it."""

import cv2
import numpy as np
from numpy.typing import NDArray

Noise = NDArray[np.float32]
Mask = NDArray[np.bool_]

HIGHEST_SCALE_EXPONENT = 5  # DRAEM: 2^0 .. 2^5 lattice cells per axis
THRESHOLD = 0.5  # DRAEM


def perlin_noise(rng: np.random.Generator, size_px: int, cells_y: int, cells_x: int) -> Noise:
    """Noise of about -1..1, float32 (size_px, size_px), with so many lattice cells down and across."""
    angles = rng.uniform(0, 2 * np.pi, (cells_y + 1, cells_x + 1)).astype(np.float32)
    row, y = _lattice(size_px, cells_y)
    column, x = _lattice(size_px, cells_x)
    y = y[:, None]
    corners = [
        np.cos(angle) * (x - dx) + np.sin(angle) * (y - dy)
        for dy in (0, 1)
        for dx in (0, 1)
        for angle in [angles[row + dy][:, column + dx]]
    ]
    fade_x, fade_y = _fade(x), _fade(y)
    top = corners[0] + fade_x * (corners[1] - corners[0])
    bottom = corners[2] + fade_x * (corners[3] - corners[2])
    return np.asarray(np.sqrt(2) * (top + fade_y * (bottom - top)), dtype=np.float32)


def perlin_mask(rng: np.random.Generator, size_px: int) -> Mask:
    """A mask of random scale and direction, boolean (size_px, size_px), never empty."""
    while True:
        cells_y, cells_x = (int(2**e) for e in rng.integers(0, HIGHEST_SCALE_EXPONENT + 1, 2))
        noise = rotate(perlin_noise(rng, size_px, cells_y, cells_x), rng.uniform(-90, 90))
        mask = noise > THRESHOLD
        if mask.any():
            return mask


def rotate(noise: Noise, degrees: float) -> Noise:
    """Turn about the centre; what comes in from outside is 0."""
    height, width = noise.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(noise, turn, (width, height)), dtype=np.float32)


def _lattice(size_px: int, cells: int) -> tuple[NDArray[np.intp], Noise]:
    """Per pixel: the lattice cell it lies in, and its place within that cell, 0..1."""
    position = (np.arange(size_px, dtype=np.float32) + 0.5) * cells / size_px
    cell = position.astype(np.intp)
    return cell, (position - cell).astype(np.float32)


def _fade(t: Noise) -> Noise:
    return t * t * t * (t * (t * 6 - 15) + 10)
