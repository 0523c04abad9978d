"""Image files for tests."""

from pathlib import Path

import cv2
import numpy as np


def save_picture(path: Path, pixels: np.ndarray) -> Path:
    """Write uint8 (H, W) or BGR (H, W, 3) to a new file, its folder with it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path
