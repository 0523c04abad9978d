from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def good_dir(tmp_path: Path, draw_frame: Callable[..., np.ndarray]) -> Path:
    """A folder of twelve good images."""
    folder = tmp_path / "good"
    folder.mkdir()
    for index in range(12):
        cv2.imwrite(str(folder / f"{index:02d}.png"), draw_frame(index))
    return folder
