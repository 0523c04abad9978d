"""Textures that anomalies are forged from, out of a folder of them, such as the Describable Textures Dataset."""

from pathlib import Path

import numpy as np

from line_inspector.images import Frame, list_images
from line_inspector.training.good_frames import read_images

MOST_TEXTURES = 1000  # in memory, 200 MB at 256 px; DTD has 5640, in 47 folders


def read_texture_folder(folder: Path, size_px: int) -> list[Frame]:
    """Images in `folder` and the folders below it, uint8 RGB (S, S, 3) each; of very many an even choice, by name.

    Raises InputError where there is no folder, no image, or one that cannot be read.
    """
    paths = list_images(folder, below=True)
    chosen = np.linspace(0, len(paths) - 1, min(len(paths), MOST_TEXTURES)).round().astype(int)
    return list(read_images([paths[index] for index in chosen], size_px))
