"""A data set of rendered parts in MVTec AD layout: train/good, test/good, test/<defect>, ground_truth/<defect>."""

import shutil
from pathlib import Path

import cv2

from line_inspector.cameras.defects import DEFECTS
from line_inspector.cameras.renderer import render
from line_inspector.errors import InputError
from line_inspector.images import Frame

SEEDS_PER_SET = 1_000_000


def write_dataset(folder: Path, good_train: int, good_test: int, per_defect: int, size_px: int, seed: int) -> None:
    """Render a new data set into `folder`, which appears only when it is complete.

    `size_px` is the side of the square pictures (64 or more); `seed` (0 or more) fixes every pixel. No part is shown
    twice, so nothing of the test set is seen in training. Raises InputError where `folder` already holds something or
    cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("already exists and is not an empty folder", str(folder), "Name a new folder")
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        _write_parts(partial, good_train, good_test, per_defect, size_px, seed * SEEDS_PER_SET)
        partial.replace(folder)
    except OSError as e:
        raise InputError(
            f"data set cannot be written ({e.strerror})", str(folder), "Free space or choose a folder"
        ) from e


def _write_parts(folder: Path, good_train: int, good_test: int, per_defect: int, size_px: int, first_seed: int) -> None:
    sets = [("train/good", "", good_train), ("test/good", "", good_test)]
    sets += [(f"test/{defect}", defect, per_defect) for defect in DEFECTS]
    seed = first_seed
    for place, defect, count in sets:
        for number in range(count):
            picture, mask = render(seed, defect, size_px, size_px)
            _write_png(folder / place / f"{number:03d}.png", picture)
            if defect:
                _write_png(folder / "ground_truth" / defect / f"{number:03d}_mask.png", mask)
            seed += 1


def _write_png(path: Path, picture: Frame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
