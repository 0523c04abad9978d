"""Textures that anomalies are forged from, out of a folder of them, such as the Describable Textures Dataset."""

from pathlib import Path

import numpy as np

from line_inspector.errors import InputError
from line_inspector.images import IMAGE_SUFFIXES, Frame
from line_inspector.training.good_frames import read_images

MOST_TEXTURES = 1000  # in memory, 200 MB at 256 px; DTD has 5640, in 47 folders


def read_texture_folder(folder: Path, size_px: int) -> list[Frame]:
    """Images in `folder` and the folders below it, uint8 RGB (S, S, 3) each; of very many an even choice, by name.

    Raises InputError where there is no folder, no image, or one that cannot be read.
    """
    if not folder.is_dir():
        raise InputError("no such folder", str(folder), "Check the path")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not paths:
        raise InputError("no image in this folder or below it", str(folder), f"Put {', '.join(IMAGE_SUFFIXES)} there")
    chosen = np.linspace(0, len(paths) - 1, min(len(paths), MOST_TEXTURES)).round().astype(int)
    return list(read_images([paths[index] for index in chosen], size_px))
