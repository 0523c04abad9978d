"""The defects of the simulated part. Each is drawn where and as strong as its random numbers say; no two are alike."""

import math
from collections.abc import Callable

import cv2
import numpy as np

from line_inspector.cameras import disc, textures
from line_inspector.cameras.damage import Damage, shifted, spot_on_metal, stroke, walk
from line_inspector.cameras.disc import Relief
from line_inspector.cameras.scenery import DRAWN_RADIUS_PX, Grid, Map

STAINS_BGR = ((0.42, 0.53, 0.62), (0.34, 0.48, 0.72), (0.72, 0.62, 0.58), (0.50, 0.52, 0.54))  # oil, rust, heat, soot
FIBRES_BGR = ((0.06, 0.06, 0.07), (0.44, 0.22, 0.14), (0.16, 0.15, 0.50), (0.22, 0.42, 0.50))  # hair, blue, red, ochre


def draw_damage(defect: str, grid: Grid, surface: Relief, seed: int) -> Damage:
    """One defect out of DEFECTS on the part of this seed: cuts into `surface`, returns the layers above it."""
    kind = list(DEFECTS).index(defect)
    return DEFECTS[defect](grid, surface, np.random.default_rng([seed, 2, kind]))


def _scratch(grid: Grid, surface: Relief, rng: np.random.Generator) -> Damage:
    """One to three strokes of something hard: a bright burr beside a dark furrow."""
    damage = Damage.none(grid)
    x, y = spot_on_metal(grid, surface, rng, 0.36, 0.88)
    heading, length, bend = rng.uniform(0, 2 * math.pi), rng.uniform(0.25, 0.8), rng.normal(0, 0.25)
    force, width_px = rng.uniform(0.55, 1), rng.uniform(0.7, 1.5)
    normal = np.array([-math.sin(heading), math.cos(heading)])
    for number in range(int(rng.integers(1, 4))):
        start = np.array([x, y]) + normal * number * rng.uniform(0.02, 0.05)
        path = walk((start[0], start[1]), heading, length * rng.uniform(0.6, 1), bend, 0.03, rng)
        furrow = stroke(grid, path, width_px, taper=True)
        burr = stroke(grid, path + normal * 0.011, width_px, taper=True)
        damage.tint *= 1 + np.float32(force) * (np.float32(1.0) * burr - np.float32(0.72) * furrow)
        damage.mark(np.maximum(furrow, burr), surface.metal)
    return damage


def _dent(grid: Grid, surface: Relief, rng: np.random.Generator) -> Damage:
    """A knock: a smooth oval basin, seen only by what it does to the reflections."""
    damage = Damage.none(grid)
    x, y = spot_on_metal(grid, surface, rng, 0.38, 0.86)
    radius, slope, oval = rng.uniform(0.055, 0.13), rng.uniform(0.35, 0.8), rng.uniform(0.75, 1.3)
    turn = rng.uniform(0, math.pi)
    along = ((grid.x - x) * math.cos(turn) + (grid.y - y) * math.sin(turn)) / (radius * oval)
    across = ((grid.y - y) * math.cos(turn) - (grid.x - x) * math.sin(turn)) / (radius / oval)
    basin: Map = np.asarray(np.exp(-(along * along + across * across)), dtype=np.float32)
    steep = basin * np.float32(slope * 2.3)  # the steepest place of the basin then has about this slope
    surface.slope_x += steep * (along * math.cos(turn) - across * math.sin(turn)).astype(np.float32)
    surface.slope_y += steep * (along * math.sin(turn) + across * math.cos(turn)).astype(np.float32)
    damage.tint *= 1 - np.float32(0.18) * basin
    steepness = steep * np.hypot(along, across)
    damage.mark(np.maximum(steepness, np.float32(0.3) * basin), surface.metal, threshold=0.07)
    return damage


def _stain(grid: Grid, surface: Relief, rng: np.random.Generator) -> Damage:
    """A dried liquid or rust: a ragged film, darkest along its edge."""
    damage = Damage.none(grid)
    x, y = spot_on_metal(grid, surface, rng, 0.36, 0.85)
    film = _blob(grid, x, y, rng.uniform(0.08, 0.22), 0.5, rng)
    soft = np.clip(film * np.float32(rng.uniform(1.5, 5)), 0, 1)
    soft *= 1 + np.float32(0.12) * textures.cut(textures.clouds(), grid, rng)
    edge = np.clip(1 - np.abs(film - np.float32(0.16)) * 8, 0, 1) * soft
    strength = rng.uniform(0.6, 0.95)
    alpha: Map = np.asarray(np.clip(soft * strength * 0.7 + edge * strength * 0.4, 0, 1), dtype=np.float32)
    colour = STAINS_BGR[int(rng.integers(len(STAINS_BGR)))]
    for plane, channel in zip(damage.tint, colour, strict=True):
        plane *= 1 - alpha * np.float32(1 - channel)
    damage.mark(alpha, surface.metal, threshold=0.06)
    return damage


def _chip(grid: Grid, surface: Relief, rng: np.random.Generator) -> Damage:
    """Material broken out of an edge: the belt shows through, and a rough fracture lies around the gap."""
    damage = Damage.none(grid)
    x, y = _edge(grid, rng)[:2]
    whole = surface.metal.copy()
    bite = _blob(grid, x, y, rng.uniform(0.08, 0.16), 0.30, rng)
    depth = rng.uniform(0.25, 0.6)  # how much of the bite goes right through
    surface.metal *= 1 - np.clip((bite - np.float32(1 - depth)) * 8, 0, 1)
    broken = np.clip(bite * 9, 0, 1)
    rough = textures.cut(textures.grain(), grid, rng)
    surface.slope_x += broken * (rough * np.float32(0.4) + np.float32(rng.uniform(-0.3, 0.3)))
    surface.slope_y += broken * (np.roll(rough, 7, axis=0) * np.float32(0.4) + np.float32(rng.uniform(-0.3, 0.3)))
    damage.tint *= 1 - broken * np.clip(np.float32(0.42) - np.float32(0.14) * rough, 0, 0.8)
    damage.mark(np.asarray(broken, dtype=np.float32), whole, threshold=0.5)
    return damage


def _crack(grid: Grid, surface: Relief, rng: np.random.Generator) -> Damage:
    """A jagged dark line that starts at an edge, and may fork."""
    damage = Damage.none(grid)
    x, y, inwards = _edge(grid, rng)
    length, width_px = rng.uniform(0.22, 0.5), rng.uniform(0.7, 1.3)
    path = walk((x, y), inwards + rng.normal(0, 0.35), length, rng.normal(0, 0.4), 0.5, rng)
    opening = stroke(grid, path, width_px)
    for _ in range(int(rng.integers(0, 3))):
        fork = path[int(rng.integers(6, 18))]
        side = inwards + rng.choice([-1, 1]) * rng.uniform(0.4, 0.9)
        branch = walk((fork[0], fork[1]), side, length * rng.uniform(0.25, 0.5), 0, 0.45, rng)
        opening = np.maximum(opening, stroke(grid, branch, width_px * 0.7))
    scale = grid.pose.radius_px / DRAWN_RADIUS_PX
    lip = np.clip(shifted(opening, scale, scale) - opening, 0, 1)
    damage.tint *= (1 - np.float32(rng.uniform(0.7, 0.9)) * opening) * (1 + np.float32(0.35) * lip)
    damage.mark(opening, surface.metal)
    return damage


def _fibre(grid: Grid, surface: Relief, rng: np.random.Generator) -> Damage:
    """A hair or thread that fell on the part, with its soft shadow. The shadow is not part of the mask."""
    damage = Damage.none(grid)
    start = spot_on_metal(grid, surface, rng, 0.4, 0.85)
    inwards = math.atan2(-start[1], -start[0])
    path = walk(start, inwards + rng.normal(0, 1), rng.uniform(0.4, 1.1), rng.normal(0, 2.0), 0.12, rng)
    waves = np.sin(np.linspace(0, rng.uniform(3, 9), len(path)) + rng.uniform(0, 6)) * rng.uniform(0.01, 0.05)
    path += waves[:, None] * np.array([-math.sin(inwards), math.cos(inwards)])
    scale = grid.pose.radius_px / DRAWN_RADIUS_PX
    thread = stroke(grid, path, rng.uniform(0.8, 1.6))
    shade = cv2.GaussianBlur(shifted(thread, 2.2 * scale, 2.6 * scale), (0, 0), 1.4 * scale)
    damage.shadow *= 1 - np.float32(0.45) * shade
    damage.cover = thread * np.float32(0.93)
    damage.cover_bgr = FIBRES_BGR[int(rng.integers(len(FIBRES_BGR)))]
    damage.mark(thread, np.ones_like(thread))
    return damage


def _edge(grid: Grid, rng: np.random.Generator) -> tuple[float, float, float]:
    """A place (x, y) on the outer edge, the bore or a bolt hole, and the direction from there into the metal."""
    angle, kind = rng.uniform(0, 2 * math.pi), rng.integers(3)
    if kind == 0:
        return math.cos(angle), math.sin(angle), angle + math.pi
    if kind == 1:
        return disc.BORE * math.cos(angle), disc.BORE * math.sin(angle), angle
    hole = disc.hole_angle(int(rng.integers(disc.HOLES))) + grid.pose.turn_rad
    x = disc.HOLE_CIRCLE * math.cos(hole) + disc.HOLE_RADIUS * math.cos(angle)
    y = disc.HOLE_CIRCLE * math.sin(hole) + disc.HOLE_RADIUS * math.sin(angle)
    return x, y, angle


def _blob(grid: Grid, x: float, y: float, radius: float, ragged: float, rng: np.random.Generator) -> Map:
    """1 in the middle, 0 at a ragged outline about `radius` away, negative outside."""
    distance = np.hypot(grid.x - np.float32(x), grid.y - np.float32(y)) * np.float32(1 / radius)
    waves = textures.cut(textures.clouds(), grid, rng)
    return np.asarray(1 - distance + np.float32(ragged) * waves * np.minimum(distance, 1), dtype=np.float32)


DEFECTS: dict[str, Callable[[Grid, Relief, np.random.Generator], Damage]] = {
    "scratch": _scratch,
    "dent": _dent,
    "stain": _stain,
    "chip": _chip,
    "crack": _crack,
    "fibre": _fibre,
}
