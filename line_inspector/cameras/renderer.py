"""From a seed to a photograph of a part on the belt, and the mask of its defect."""

import numpy as np

from line_inspector.cameras import disc, textures
from line_inspector.cameras.damage import Damage
from line_inspector.cameras.defects import DEFECTS, draw_damage
from line_inspector.cameras.lens import expose
from line_inspector.cameras.scenery import Grid, Light, Map, draw_light, draw_pose
from line_inspector.errors import InputError
from line_inspector.images import Frame

PRODUCTS = ("disc",)
METAL_BGR = np.array([0.99, 1.0, 1.0], np.float32)
BELT_BGR = np.array([0.88, 1.06, 0.84], np.float32)


def check_product(product: str) -> None:
    """Raises InputError for a product that cannot be rendered."""
    if product not in PRODUCTS:
        raise InputError(f"unknown product {product!r}", "simulated camera", f"Known: {', '.join(PRODUCTS)}")


def render(seed: int, defect: str, width_px: int, height_px: int) -> tuple[Frame, Frame]:
    """A picture (height_px, width_px, 3) BGR and the mask (height_px, width_px) of its defect, 255 where visible.

    The same arguments give the same pixels. One seed is one part: with a defect it is the same part, pose, light and
    noise, and differs from the good one around the mask only. Raises InputError for a defect
    not in DEFECTS or a negative seed.
    """
    if defect and defect not in DEFECTS:
        raise InputError(f"unknown defect {defect!r}", "simulated camera", f"Known: {', '.join(DEFECTS)}")
    if seed < 0:
        raise InputError(f"negative seed {seed}", "simulated camera", "Use 0 or more")
    scenery_rng, noise_rng = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    grid = Grid(width_px, height_px, draw_pose(scenery_rng, width_px, height_px))
    light, finish = draw_light(scenery_rng), disc.draw_finish(scenery_rng)
    surface = disc.relief(grid)
    ground = _belt(grid, light, scenery_rng)
    damage = draw_damage(defect, grid, surface, seed) if defect else None
    lit = disc.shade(grid, surface, light, finish)
    scene = _compose(ground, lit, surface.metal, damage)
    mask = damage.mask if damage is not None else np.zeros(grid.shape, np.uint8)
    return expose(scene, light, noise_rng), mask


def _belt(grid: Grid, light: Light, rng: np.random.Generator) -> Map:
    """Brightness of the belt around and under the part, darker where the part keeps the light off, (H, W)."""
    weave = textures.cut(textures.belt(), grid, rng)
    key = light.lamps[0]
    distance = np.hypot(grid.x + np.float32(key.x * 0.16), grid.y + np.float32(key.y * 0.16))
    shadow = np.clip((distance - np.float32(0.95)) * np.float32(1 / 0.16), 0, 1)
    return np.asarray(weave * (shadow * np.float32(0.8) + np.float32(0.35)), dtype=np.float32)


def _compose(ground: Map, lit: Map, metal: Map, damage: Damage | None) -> Map:
    """All layers as planes (3, H, W): belt, then the part, then what lies on it."""
    planes = np.empty((3, *lit.shape), np.float32)
    for plane, belt, steel, channel in zip(planes, BELT_BGR, METAL_BGR, range(3), strict=True):
        under = ground * belt
        part = lit * steel
        if damage is not None:
            part *= damage.tint[channel]
        plane[:] = under + (part - under) * metal
        if damage is not None:
            plane *= damage.shadow
            plane += (damage.cover_bgr[channel] - plane) * damage.cover
    return planes
