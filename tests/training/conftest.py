from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from line_inspector.training.good_frames import GoodFrames, read_good_folder


@pytest.fixture
def good(tmp_path: Path, draw_frame: Callable[..., np.ndarray]) -> GoodFrames:
    """Twelve good images, brought to 64 px."""
    folder = tmp_path / "good"
    folder.mkdir()
    for index in range(12):
        cv2.imwrite(str(folder / f"{index:02d}.png"), draw_frame(index))
    return read_good_folder(folder, 64)
