"""What a defect does to a picture, layer by layer, and the brushes that draw it."""

from dataclasses import dataclass

import cv2
import numpy as np

from line_inspector.cameras.disc import Relief
from line_inspector.cameras.scenery import DRAWN_RADIUS_PX, Grid, Map
from line_inspector.images import Frame

_SHIFT = 4  # fractional bits of OpenCV's drawing coordinates


@dataclass
class Damage:
    """Layers over the part; slopes and missing metal are cut into the relief itself.

    `tint` (3, H, W) multiplies the metal's light, `shadow` (H, W) multiplies everything, `cover` (H, W) is the opacity
    of what lies on top in colour `cover_bgr`. `mask` (H, W) is 255 where the defect is to be seen.
    """

    mask: Frame
    tint: Map
    shadow: Map
    cover: Map
    cover_bgr: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @classmethod
    def none(cls, grid: Grid) -> "Damage":
        """Layers that change nothing."""
        ones, zeros = np.ones(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
        return cls(np.zeros(grid.shape, np.uint8), np.ones((3, *grid.shape), np.float32), ones, zeros)

    def mark(self, visible: Map, where: Map, threshold: float = 0.25) -> None:
        """Add to the mask what is `visible`, and the pixel around it that the lens spreads it to, on `where`."""
        grown = cv2.dilate(((visible > threshold) * np.uint8(255)).astype(np.uint8), np.ones((3, 3), np.uint8))
        self.mask |= np.where(where > 0.3, grown, 0).astype(np.uint8)


def spot_on_metal(
    grid: Grid, surface: Relief, rng: np.random.Generator, inner: float, outer: float
) -> tuple[float, float]:
    """A random place (x, y) in part radii between two radii, on metal and within the frame."""
    while True:
        r, angle = rng.uniform(inner, outer), rng.uniform(0, 2 * np.pi)
        x, y = float(r * np.cos(angle)), float(r * np.sin(angle))
        column = round(grid.pose.x_px + x * grid.pose.radius_px)
        row = round(grid.pose.y_px + y * grid.pose.radius_px)
        if surface.metal[row, column] > 0.95:
            return x, y


def walk(
    start: tuple[float, float], heading_rad: float, length: float, bend: float, jitter: float, rng: np.random.Generator
) -> np.ndarray:
    """A path of 24 steps from `start`, (25, 2) in part radii.

    `bend` is the even turn over its whole length, `jitter` how far each step strays from the course, both in radians.
    """
    steps = 24
    headings = heading_rad + np.linspace(0, bend, steps) + rng.normal(0, jitter, steps)
    moves = np.stack([np.cos(headings), np.sin(headings)], 1) * (length / steps)
    return np.concatenate([[start], np.asarray(start) + np.cumsum(moves, 0)])


def stroke(grid: Grid, path: np.ndarray, width_px: float, taper: bool = False) -> Map:
    """Opacity 0..1 of a line along `path` (N, 2) in part radii; `taper` lets it fade in and out at its ends."""
    width_px = max(0.6, width_px * grid.pose.radius_px / DRAWN_RADIUS_PX)  # thinner would vanish in a small frame
    thin, share = divmod(width_px, 1)
    line = _line(grid, path, int(thin) + 1, taper) * np.float32(share)
    if thin >= 1:  # OpenCV draws whole widths only: mix the two around the one that is wanted
        line += _line(grid, path, int(thin), taper) * np.float32(1 - share)
    return line


def _line(grid: Grid, path: np.ndarray, thickness_px: int, taper: bool) -> Map:
    corners = np.array([grid.pose.x_px, grid.pose.y_px]) + path * grid.pose.radius_px
    points = np.round(corners * (1 << _SHIFT)).astype(np.int32)
    canvas = np.zeros(grid.shape, np.uint8)
    if taper:
        for i in range(len(points) - 1):
            share = (i + 0.5) / (len(points) - 1)
            level = int(255 * min(1.0, 4 * share, 4 * (1 - share)))
            cv2.line(canvas, points[i].tolist(), points[i + 1].tolist(), level, thickness_px, cv2.LINE_AA, _SHIFT)
    else:
        cv2.polylines(canvas, [points], False, 255, thickness_px, cv2.LINE_AA, _SHIFT)
    return np.asarray(canvas * np.float32(1 / 255), dtype=np.float32)


def shifted(layer: Map, x_px: float, y_px: float) -> Map:
    """The layer moved by a fraction of pixels; zeros come in at the edge."""
    move = np.array([[1, 0, x_px], [0, 1, y_px]], np.float32)
    return np.asarray(cv2.warpAffine(layer, move, (layer.shape[1], layer.shape[0])), dtype=np.float32)
