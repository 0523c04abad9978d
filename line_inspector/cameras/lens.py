"""The simulated camera's optics and sensor."""

from functools import lru_cache

import cv2
import numpy as np

from line_inspector.cameras.scenery import Light, Map
from line_inspector.images import Frame

READ_NOISE, SHOT_NOISE = 0.0035, 0.00012  # spread, and variance per unit of light; full scale is 1
KNEE, KNEE_SLOPE = np.float32(0.74), np.float32(0.45)  # above the knee the camera's tone curve is flatter


def expose(scene: Map, light: Light, rng: np.random.Generator) -> Frame:
    """Light as planes (3, H, W) in BGR order to an 8-bit frame (H, W, 3): blur, uneven light, tone curve, noise."""
    height_px, width_px = scene.shape[1:]
    scale = min(height_px, width_px) / 256
    focus_px, motion_px = rng.uniform(0.45, 0.75) * scale, rng.uniform(0, 0.5) * scale
    brightness = _falloff(width_px, height_px) * _gradient(width_px, height_px, light)
    noise = rng.standard_normal(scene.shape, dtype=np.float32)
    planes = []
    for plane, grains, white in zip(scene, noise, light.white_bgr, strict=True):
        sharp = cv2.GaussianBlur(plane, (0, 0), focus_px + motion_px, sigmaY=focus_px)
        sharp *= brightness
        sharp *= np.float32(white)
        sharp = np.minimum(sharp, sharp * KNEE_SLOPE + (1 - KNEE_SLOPE) * KNEE)
        sharp += grains * np.sqrt(sharp * SHOT_NOISE + READ_NOISE**2)
        planes.append(np.clip(sharp * 255 + 0.5, 0, 255).astype(np.uint8))
    return np.asarray(cv2.merge(planes), dtype=np.uint8)


def _gradient(width_px: int, height_px: int, light: Light) -> Map:
    x = np.linspace(-1, 1, width_px, dtype=np.float32) * np.float32(light.gradient[0])
    y = np.linspace(-1, 1, height_px, dtype=np.float32) * np.float32(light.gradient[1])
    return np.asarray(1 + x[None] + y[:, None], dtype=np.float32)


@lru_cache(maxsize=4)
def _falloff(width_px: int, height_px: int) -> Map:
    """Vignetting: 10 % less light in the corners."""
    x, y = np.linspace(-1, 1, width_px, dtype=np.float32), np.linspace(-1, 1, height_px, dtype=np.float32)
    return np.asarray(1 - 0.05 * (x[None] ** 2 + y[:, None] ** 2), dtype=np.float32)
