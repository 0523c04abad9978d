"""What a forged anomaly is filled with: procedural textures, and regions of other good images."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from line_inspector.model.perlin import perlin_noise

Image = NDArray[np.uint8]  # (S, S, 3)
Field = NDArray[np.float32]  # (S, S), 0..1
Texture = Callable[[np.random.Generator, int], Image]  # a picture of this side, in pixels


def procedural_texture(rng: np.random.Generator, size_px: int) -> Image:
    """A random pattern between two random colours, grey half of the time; uint8 (size_px, size_px, 3)."""
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))](rng, size_px)
    colours = rng.uniform(0, 255, (2, 3)).astype(np.float32)
    if rng.random() < 0.5:
        colours = np.repeat(colours.mean(axis=1, keepdims=True), 3, axis=1)
    mixed = colours[0] + pattern[..., None] * (colours[1] - colours[0])
    return np.asarray(np.clip(mixed, 0, 255), dtype=np.uint8)


def donor_texture(rng: np.random.Generator, donors: Sequence[Image]) -> Image:
    """Another good image, turned, mirrored, shifted, scaled, and changed in brightness and contrast."""
    donor = donors[int(rng.integers(len(donors)))]
    turned = np.rot90(donor, int(rng.integers(4)))
    mirrored = turned[:, ::-1] if rng.random() < 0.5 else turned
    size_px = donor.shape[0]
    scale = rng.uniform(0.5, 2.0)
    shift = rng.uniform(-0.5, 0.5, 2) * size_px
    move = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], dtype=np.float32)
    moved = cv2.warpAffine(np.ascontiguousarray(mirrored), move, (size_px, size_px), borderMode=cv2.BORDER_REFLECT_101)
    gain, offset = rng.uniform(0.6, 1.5), rng.uniform(-60, 60)
    return np.asarray(cv2.convertScaleAbs(np.maximum(moved * gain + offset, 0)), dtype=np.uint8)


def _clouds(rng: np.random.Generator, size_px: int) -> Field:
    first = int(rng.integers(1, 5))
    octaves = [perlin_noise(rng, size_px, 2**n, 2**n) * 0.6**i for i, n in enumerate(range(first, min(first + 3, 7)))]
    return _stretch(np.asarray(np.sum(octaves, axis=0), np.float32))


def _stripes(rng: np.random.Generator, size_px: int) -> Field:
    return _wave(rng, size_px, rng.uniform(0, np.pi), rng.uniform(3, 40))


def _grid(rng: np.random.Generator, size_px: int) -> Field:
    direction, period_px = rng.uniform(0, np.pi), rng.uniform(4, 40)
    return np.maximum(_wave(rng, size_px, direction, period_px), _wave(rng, size_px, direction + np.pi / 2, period_px))


def _grain(rng: np.random.Generator, size_px: int) -> Field:
    noise = rng.standard_normal((size_px, size_px), dtype=np.float32)
    return _stretch(np.asarray(cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.4, 4)), np.float32))


def _cells(rng: np.random.Generator, size_px: int) -> Field:
    """Distance to the nearest of some random points: pebbles, scales, foam."""
    points = np.full((size_px, size_px), 255, np.uint8)
    count = int(rng.integers(10, 300))
    points[rng.integers(0, size_px, count), rng.integers(0, size_px, count)] = 0
    return _stretch(np.asarray(cv2.distanceTransform(points, cv2.DIST_L2, 3), np.float32))


def _flat(rng: np.random.Generator, size_px: int) -> Field:
    return np.full((size_px, size_px), rng.random(), np.float32)


def _wave(rng: np.random.Generator, size_px: int, direction: float, period_px: float) -> Field:
    y, x = np.ogrid[:size_px, :size_px]
    phase = (x * np.cos(direction) + y * np.sin(direction)) * (2 * np.pi / period_px) + rng.uniform(0, 2 * np.pi)
    sharpness = rng.uniform(1, 6)
    return np.asarray(np.clip(0.5 + 0.5 * sharpness * np.sin(phase), 0, 1), np.float32)


def _stretch(field: NDArray[np.float32]) -> Field:
    low, high = float(np.min(field)), float(np.max(field))
    return np.asarray((field - low) / max(high - low, 1e-6), np.float32)


PATTERNS: Sequence[Callable[[np.random.Generator, int], Field]] = (_clouds, _stripes, _grid, _grain, _cells, _flat)
