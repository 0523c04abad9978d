"""A set of good images, read strictly and brought to the model's input size."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.images import Frame, is_image_name, list_images, read_image
from line_inspector.inference.preprocess import to_model_input
from line_inspector.inference.tiling import Tiling
from line_inspector.inference.view import WHOLE, View
from line_inspector.training.foreground import foreground_for
from line_inspector.training.splits import different

FEWEST_IMAGES = 8
USUAL_PLACES = ("train/good", "train/ok", "good")  # of good images, where somebody names a data set or its train/


@dataclass(frozen=True)
class GoodFrames:
    """`pixels` uint8 (N, H, W, 3) RGB of what the model looks at, which is `tiling`'s region of the frame.

    `paths` are the N files they came from, in the same order. An image is a frame: its tiles (tiles.py) share its job.
    """

    paths: tuple[Path, ...]
    pixels: NDArray[np.uint8]
    tiling: Tiling

    def __len__(self) -> int:
        return len(self.paths)

    def frame(self, index: int) -> Frame:
        """The raw frame of one image, read again from its file."""
        return read_image(self.paths[index])

    def part(self, indices: list[int]) -> "GoodFrames":
        """Those of these indices."""
        return replace(self, paths=tuple(self.paths[index] for index in indices), pixels=self.pixels[indices])


def read_good_folder(folder: Path, size_px: int, view: View = WHOLE, foreground_file: Path | None = None) -> GoodFrames:
    """Read every image directly in `folder`, by name. Raises InputError as `read_good_frames` does.

    One that holds none, but a folder of good ones in a usual place below it, is told of that.
    """
    try:
        paths = list_images(folder)
    except InputError as e:
        for inner in (folder / below for below in USUAL_PLACES):
            if any(is_image_name(path.name) for path in inner.glob("*")):
                raise InputError("folder holds no image", str(folder), f"Name {inner}, which does") from e
        raise
    return read_good_frames(paths, size_px, view, foreground_file)


def read_good_frames(
    paths: Sequence[Path], size_px: int, view: View = WHOLE, foreground_file: Path | None = None
) -> GoodFrames:
    """Read the images in this order, as `view` looks at them in tiles of size_px; one that comes twice counts once.

    `foreground_file` is the mask that a view with a foreground of kind "file" needs.
    Raises InputError for a file that is missing, unreadable, truncated, not 8-bit, with alpha or tiny (the file is
    named: a picture nobody can read must not be skipped in silence), for fewer than FEWEST_IMAGES, and where there is
    no foreground of the kind asked for.
    """
    _require_enough(len(paths), "good images", paths)
    pixels = read_images(paths, size_px, view)
    foreground = foreground_for(view, size_px, pixels, foreground_file)
    good = GoodFrames(tuple(paths), pixels, Tiling(view, size_px, foreground))
    once = different(good.pixels)
    _require_enough(len(once), "different good images", paths)
    return good if len(once) == len(good) else good.part(once)


def _require_enough(count: int, of_what: str, paths: Sequence[Path]) -> None:
    if count < FEWEST_IMAGES:
        where = str(paths[0].parent) if paths else "the set of good images"
        raise InputError(f"only {count} {of_what}", where, f"Give at least {FEWEST_IMAGES}, better 110.")


def read_images(paths: Sequence[Path], size_px: int, view: View = WHOLE) -> NDArray[np.uint8]:
    """Read images strictly, each as `view` looks at it: uint8 RGB (N, H, W, 3), all of the region's shape."""
    pixels = np.empty((len(paths), *view.region_shape(size_px), 3), np.uint8)
    for index, path in enumerate(paths):
        pixels[index] = to_model_input(read_image(path), size_px, view).transpose(1, 2, 0)
    return pixels
