from pathlib import Path

import pytest

from line_inspector.training.good_frames import GoodFrames, read_good_folder


@pytest.fixture
def good(good_dir: Path) -> GoodFrames:
    """Twelve good images, brought to 64 px."""
    return read_good_folder(good_dir, 64)
