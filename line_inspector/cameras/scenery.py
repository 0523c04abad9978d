"""What differs from one good picture to the next: where the part lies, how it is lit, which textures it got."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Map = npt.NDArray[np.float32]

DRAWN_RADIUS_PX = 105  # sizes in pixels are meant for a part of this radius, that of a 256 px frame
PART_SHARE = 0.41  # radius of the part over the shorter side of the frame
# Azimuth in degrees, tilt of the half vector, strength, width of the highlight on a turned face.
SOFTBOXES = ((-128, 0.40, 0.60, 0.20), (-28, 0.36, 0.30, 0.13), (85, 0.22, 0.16, 0.24))


@dataclass(frozen=True)
class Pose:
    """Where the part lies: centre and radius in pixels, turn in radians."""

    x_px: float
    y_px: float
    radius_px: float
    turn_rad: float


@dataclass(frozen=True)
class Lamp:
    """A softbox: the horizontal part (x, y) of the half vector between it and the lens, which looks straight down."""

    x: float
    y: float
    strength: float
    width: float  # of its highlight on a turned face, as the sine of the angle


@dataclass(frozen=True)
class Light:
    """All light on the scene. `gradient` is the change of brightness across the frame in x and y."""

    lamps: tuple[Lamp, ...]
    ambient: float
    gradient: tuple[float, float]
    white_bgr: tuple[float, float, float]


class Grid:
    """Coordinates of every pixel in the part's frame; lengths are in part radii, (H, W) float32."""

    def __init__(self, width_px: int, height_px: int, pose: Pose) -> None:
        self.pose = pose
        self.shape = (height_px, width_px)
        x = (np.arange(width_px, dtype=np.float32) - np.float32(pose.x_px)) / np.float32(pose.radius_px)
        y = (np.arange(height_px, dtype=np.float32) - np.float32(pose.y_px)) / np.float32(pose.radius_px)
        self.x: Map = np.ascontiguousarray(np.broadcast_to(x, self.shape))
        self.y: Map = np.ascontiguousarray(np.broadcast_to(y[:, None], self.shape))
        self.r, self.angle = cv2.cartToPolar(self.x, self.y)
        np.maximum(self.r, 1e-4, out=self.r)
        self.pixel = np.float32(1 / pose.radius_px)


def draw_pose(rng: np.random.Generator, width_px: int, height_px: int) -> Pose:
    """A part between the guide rails of a belt: shifted by up to 2.5 % of the frame, turned by up to 7 degrees."""
    side_px = min(width_px, height_px)
    shift_x, shift_y = rng.uniform(-0.025, 0.025, 2) * side_px
    return Pose(
        x_px=width_px / 2 + shift_x,
        y_px=height_px / 2 + shift_y,
        radius_px=side_px * PART_SHARE * rng.uniform(0.985, 1.015),
        turn_rad=math.radians(rng.uniform(-7, 7)),
    )


def draw_light(rng: np.random.Generator) -> Light:
    """Three softboxes around the lens that drift a little, and a room that is never evenly lit."""
    lamps = []
    for azimuth_deg, tilt, strength, width in SOFTBOXES:
        azimuth = math.radians(azimuth_deg + rng.uniform(-5, 5))
        power = strength * rng.uniform(0.92, 1.08)
        lamps.append(Lamp(tilt * math.cos(azimuth), tilt * math.sin(azimuth), power, width * rng.uniform(0.9, 1.1)))
    warm = rng.uniform(-0.02, 0.02)
    return Light(
        lamps=tuple(lamps),
        ambient=0.30 * rng.uniform(0.93, 1.07),
        gradient=(rng.uniform(-0.08, 0.08), rng.uniform(-0.08, 0.08)),
        white_bgr=(1.0 - warm, 1.0, 1.0 + warm),
    )
