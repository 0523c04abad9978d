"""A set of good images, read strictly and brought to the model's input size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.images import Frame, list_images, read_image
from line_inspector.inference.preprocess import to_model_input
from line_inspector.training.splits import different

FEWEST_IMAGES = 8


@dataclass(frozen=True)
class GoodFrames:
    """`pixels` uint8 (N, S, S, 3) RGB as the model sees them; `paths` the N files they came from, in the same order."""

    paths: tuple[Path, ...]
    pixels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.paths)

    def frame(self, index: int) -> Frame:
        """The raw frame of one image, read again from its file."""
        return read_image(self.paths[index])

    def part(self, indices: list[int]) -> "GoodFrames":
        """Those of these indices."""
        return GoodFrames(tuple(self.paths[index] for index in indices), self.pixels[indices])


def read_good_folder(folder: Path, size_px: int) -> GoodFrames:
    """Read every image directly in `folder`, by name. Raises InputError as `read_good_frames` does."""
    return read_good_frames(list_images(folder), size_px)


def read_good_frames(paths: Sequence[Path], size_px: int) -> GoodFrames:
    """Read the images in this order, each brought to size_px x size_px; a picture that comes twice counts once.

    Raises InputError for a file that is missing, unreadable, truncated, not 8-bit, with alpha or tiny (the file is
    named: a picture nobody can read must not be skipped in silence), and for fewer than FEWEST_IMAGES.
    """
    _require_enough(len(paths), "good images", paths)
    good = GoodFrames(tuple(paths), read_images(paths, size_px))
    once = different(good.pixels)
    _require_enough(len(once), "different good images", paths)
    return good if len(once) == len(good) else good.part(once)


def _require_enough(count: int, of_what: str, paths: Sequence[Path]) -> None:
    if count < FEWEST_IMAGES:
        where = str(paths[0].parent) if paths else "the set of good images"
        raise InputError(f"only {count} {of_what}", where, f"Give at least {FEWEST_IMAGES}, better 110.")


def read_images(paths: Sequence[Path], size_px: int) -> NDArray[np.uint8]:
    """Read images strictly and bring each to the model's size: uint8 RGB (N, size_px, size_px, 3)."""
    pixels = np.empty((len(paths), size_px, size_px, 3), np.uint8)
    for index, path in enumerate(paths):
        pixels[index] = to_model_input(read_image(path), size_px).transpose(1, 2, 0)
    return pixels
