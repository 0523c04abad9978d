"""Textures of the simulated scene, each made once per process from a fixed seed; pictures cut them where they like."""

from functools import cache

import cv2
import numpy as np

from line_inspector.cameras.scenery import DRAWN_RADIUS_PX, Grid, Map
from line_inspector.images import Frame

RINGS = 512  # rows of the turning texture: radius 0 to 1
SPOKES = 2048  # its columns: one full turn
SIDE_PX = 1024
ETCH_INNER, ETCH_OUTER = 0.62, 0.86  # radii between which the laser marking lies
ETCH_ROWS = 144
TEXT_SCALE, TEXT_STROKE_PX = 1.9, 6
_HERSHEY = cv2.FONT_HERSHEY_SIMPLEX


def blurred_noise(rng: np.random.Generator, shape: tuple[int, int], sigma_x: float, sigma_y: float) -> Map:
    """Gaussian noise of unit spread that wraps around at all edges, smoothed by the given sigmas in pixels."""
    pad_x, pad_y = int(3 * sigma_x) + 1, int(3 * sigma_y) + 1
    noise = rng.standard_normal(shape, dtype=np.float32)
    wrapped = cv2.copyMakeBorder(noise, pad_y, pad_y, pad_x, pad_x, cv2.BORDER_WRAP)
    smooth = cv2.GaussianBlur(wrapped, (0, 0), sigma_x, sigmaY=sigma_y)[pad_y:-pad_y, pad_x:-pad_x]
    return np.ascontiguousarray(smooth / smooth.std(), dtype=np.float32)


def cut(texture: Map, grid: Grid, rng: np.random.Generator) -> Map:
    """A piece of a texture at a random place, scaled with the part, (H, W)."""
    height_px, width_px = grid.shape
    scale = grid.pose.radius_px / DRAWN_RADIUS_PX
    rows, columns = (np.arange(int(n / scale) + 2) + rng.integers(0, texture.shape[0]) for n in grid.shape)
    piece = texture.take(rows, axis=0, mode="wrap").take(columns, axis=1, mode="wrap")
    return np.asarray(cv2.resize(piece, (width_px, height_px), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


@cache
def turning_marks() -> Map:
    """What the lathe tool left: rings, streaks along them and slow chatter, (RINGS, SPOKES), about unit spread."""
    rng = np.random.default_rng(101)
    rings = blurred_noise(rng, (RINGS, 1), 0.1, 1.1) + 0.6 * blurred_noise(rng, (RINGS, 1), 0.1, 5)
    streaks = blurred_noise(rng, (RINGS, SPOKES), 60, 0.9)
    patches = blurred_noise(rng, (RINGS, SPOKES), 90, 14)
    return np.ascontiguousarray(0.62 * rings + 0.55 * streaks + 0.4 * patches, dtype=np.float32)


@cache
def grain() -> Map:
    """Fine isotropic roughness, (SIDE_PX, SIDE_PX), unit spread."""
    return blurred_noise(np.random.default_rng(102), (SIDE_PX, SIDE_PX), 0.8, 0.8)


@cache
def clouds() -> Map:
    """Soft patches some ten pixels wide, (SIDE_PX, SIDE_PX), unit spread."""
    return blurred_noise(np.random.default_rng(105), (SIDE_PX, SIDE_PX), 7, 7)


@cache
def belt() -> Map:
    """Brightness of a woven conveyor cover with wear and lint, (SIDE_PX, SIDE_PX), 0..1."""
    rng = np.random.default_rng(103)
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX].astype(np.float32)
    turn = np.float32(2 * np.pi / SIDE_PX)
    bend = 0.5 * blurred_noise(rng, x.shape, 12, 12)
    warp, weft = np.sin(171 * turn * x + bend), np.sin(171 * turn * y + bend)
    over = np.sin(85.5 * turn * (x + y) * 2) > 0
    weave = np.where(over, warp, weft)
    wear = blurred_noise(rng, x.shape, 50, 9) * 0.5 + blurred_noise(rng, x.shape, 4, 2)
    value = 0.150 + 0.022 * weave + 0.011 * wear + 0.010 * grain()
    lint = blurred_noise(rng, x.shape, 1.1, 0.8) > 4.1
    value = np.where(lint, value + 0.13, value)
    return np.ascontiguousarray(value, dtype=np.float32)


@cache
def etching() -> Frame:
    """The laser marking, unrolled: rows from ETCH_OUTER in to ETCH_INNER, columns one full turn; 255 where etched."""
    strip = np.zeros((ETCH_ROWS, SPOKES), np.uint8)
    for angle_deg, text in ((90, "LI-240"), (210, "A7 0416"), (330, "10 Nm")):  # midway between bolt holes
        _write(strip, text, SPOKES * angle_deg // 360)
    _mark_code(strip, SPOKES * 270 // 360)
    return strip


def _write(strip: Frame, text: str, centre_x: int) -> None:
    (width, height), _ = cv2.getTextSize(text, _HERSHEY, TEXT_SCALE, TEXT_STROKE_PX)
    at = (centre_x - width // 2, ETCH_ROWS // 2 + height // 2)
    cv2.putText(strip, text, at, _HERSHEY, TEXT_SCALE, 255, TEXT_STROKE_PX, cv2.LINE_AA)


def _mark_code(strip: Frame, centre_x: int) -> None:
    """A square code of 12 x 12 cells with the solid edges of a Data Matrix."""
    cells = np.random.default_rng(104).integers(0, 2, (12, 12), dtype=np.uint8) * 255
    cells[:, 0], cells[-1, :] = 255, 255
    cells[0, 1:], cells[:-1, -1] = np.resize([0, 255], 11), np.resize([255, 0], 11)
    side_px = 96
    block = cv2.resize(cells, (side_px, side_px), interpolation=cv2.INTER_NEAREST)
    top, left = (ETCH_ROWS - side_px) // 2, centre_x - side_px // 2
    strip[top : top + side_px, left : left + side_px] = block
