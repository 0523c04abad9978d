"""The simulated product: a turned steel flange disc with a hub, six bolt holes and a laser marking.

Faces cut on a lathe carry fine circular grooves, so each lamp shows as two opposite wedges that stay put while the part
turns. The shading is that of grooves: a narrow lobe across the light's direction along the groove, a wide one across.
"""

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from line_inspector.cameras import textures
from line_inspector.cameras.scenery import Grid, Light, Map

BORE, HUB, FACE, RIM = 0.27, 0.47, 0.52, 0.955  # radii: bore, edge and foot of the hub, outer chamfer
HOLES, HOLE_CIRCLE, HOLE_RADIUS, CHAMFER = 6, 0.74, 0.082, 0.022
_LOOKUP = 2048  # entries per radius of the profile


@dataclass
class Relief:
    """Slopes of the surface (rise per length) and how much of each pixel is metal; all (H, W) float32."""

    slope_x: Map
    slope_y: Map
    metal: Map


@dataclass(frozen=True)
class Finish:
    """This part's own cut of the textures."""

    ring: int
    spoke: int
    depth: float
    grey: float


def draw_finish(rng: np.random.Generator) -> Finish:
    """A part from the middle of a good batch."""
    ring, spoke = int(rng.integers(0, 180)), int(rng.integers(0, textures.SPOKES))
    return Finish(ring, spoke, rng.uniform(0.8, 1.2), rng.uniform(0.96, 1.04))


def relief(grid: Grid) -> Relief:
    """The perfect part's surface."""
    along = _profile()[np.minimum(grid.r * _LOOKUP, 1.2 * _LOOKUP).astype(np.int32)]
    outside = np.clip((1 - grid.r) / grid.pixel + 0.5, 0, 1)
    metal = outside * np.clip((grid.r - BORE) / grid.pixel + 0.5, 0, 1)
    along /= grid.r
    surface = Relief(along * grid.x, along * grid.y, metal)
    for hole in range(HOLES):
        _drill(surface, grid, hole_angle(hole) + grid.pose.turn_rad)
    return surface


def hole_angle(hole: int) -> float:
    """Angle of a bolt hole in the part's own frame, in radians."""
    return 2 * math.pi * hole / HOLES


def shade(grid: Grid, surface: Relief, light: Light, finish: Finish) -> Map:
    """Light that the metal sends to the lens, (H, W), about 0 to 1.3. `surface.metal` says where it applies."""
    marks = _turning(grid, finish)
    across_x, across_y = grid.x / grid.r, grid.y / grid.r  # unit vector across the grooves; along them is (-y, x)
    tilt_across = surface.slope_x * across_x + surface.slope_y * across_y
    tilt_along = surface.slope_y * across_x - surface.slope_x * across_y
    tilt_along += (0.035 * finish.depth) * marks
    total = np.full(grid.shape, light.ambient, np.float32)
    total -= 0.06 * np.minimum(np.abs(tilt_across), 1.5)
    for lamp in light.lamps:
        across = (lamp.x * across_x + lamp.y * across_y + tilt_across) * np.float32(1 / 0.62)
        along = (lamp.y * across_x - lamp.x * across_y + tilt_along) * np.float32(1 / lamp.width)
        total += np.float32(lamp.strength) * cv2.exp(-(across * across + along * along))
    total *= 1 + (0.085 * finish.depth) * marks
    total *= np.float32(finish.grey)
    return _etch(grid, total)


def _turning(grid: Grid, finish: Finish) -> Map:
    """Turning marks of this part, (H, W): the shared texture from its own ring and spoke on."""
    return _unroll(textures.turning_marks(), _spokes(grid, finish.spoke), grid.r * np.float32(320) + finish.ring)


def _etch(grid: Grid, lit: Map) -> Map:
    """Laser marking: matt and grey, so it is dark in a highlight and hardly seen elsewhere."""
    turned = -grid.pose.turn_rad / (2 * math.pi) * textures.SPOKES
    step = textures.ETCH_ROWS / (textures.ETCH_OUTER - textures.ETCH_INNER)
    rows = (textures.ETCH_OUTER - grid.r) * np.float32(step)
    etched = _unroll(textures.etching(), _spokes(grid, turned), rows) * np.float32(0.78 / 255)
    return np.asarray(lit * (1 - etched) + np.float32(0.15) * etched, dtype=np.float32)


def _spokes(grid: Grid, first: float) -> Map:
    """Column of an unrolled texture for every pixel, where column 0 lies `first` spokes before the x axis."""
    columns = grid.angle * np.float32(textures.SPOKES / (2 * np.pi)) + np.float32(first)
    return np.asarray(columns % np.float32(textures.SPOKES), dtype=np.float32)


def _unroll(texture: np.ndarray, columns: npt.NDArray[np.floating], rows: npt.NDArray[np.floating]) -> Map:
    where = columns.astype(np.float32, copy=False), rows.astype(np.float32, copy=False)
    picked = cv2.remap(texture, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(picked, dtype=np.float32)


@cache
def _profile() -> Map:
    """Slope outwards over the radius, _LOOKUP entries per part radius: chamfers, the hub's step, a dished face."""
    r = np.arange(int(1.25 * _LOOKUP), dtype=np.float32) / _LOOKUP
    slope = np.where(r < FACE, 0.0, -0.05 * (r - 0.74))
    slope = np.where((r >= BORE) & (r < BORE + 0.03), 0.75, slope)
    slope = np.where((r >= HUB) & (r < FACE), -0.7, slope)
    slope = np.where((r >= RIM) & (r < 1.02), -0.6, slope)
    return np.asarray(cv2.GaussianBlur(slope.astype(np.float32)[None], (0, 0), 9)[0], dtype=np.float32)


def _drill(surface: Relief, grid: Grid, angle: float) -> None:
    """Cut one countersunk hole, in the few pixels around it."""
    window = _window(grid, HOLE_CIRCLE * math.cos(angle), HOLE_CIRCLE * math.sin(angle), HOLE_RADIUS + CHAMFER)
    x = grid.x[window] - np.float32(HOLE_CIRCLE * math.cos(angle))
    y = grid.y[window] - np.float32(HOLE_CIRCLE * math.sin(angle))
    r = np.maximum(np.sqrt(x * x + y * y), grid.pixel / 2)
    sunk = np.clip((HOLE_RADIUS + CHAMFER - r) / grid.pixel + 0.5, 0, 1) / r
    surface.slope_x[window] += sunk * x
    surface.slope_y[window] += sunk * y
    surface.metal[window] *= np.clip((r - HOLE_RADIUS) / grid.pixel + 0.5, 0, 1)


def _window(grid: Grid, x: float, y: float, reach: float) -> tuple[slice, slice]:
    pose = grid.pose
    column, row, half = pose.x_px + x * pose.radius_px, pose.y_px + y * pose.radius_px, reach * pose.radius_px + 2
    rows = slice(max(0, int(row - half)), max(0, int(row + half) + 2))
    return rows, slice(max(0, int(column - half)), max(0, int(column + half) + 2))
