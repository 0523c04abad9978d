"""The mask of a recipe: found from good images, or drawn; refused where it cannot be trusted."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from line_inspector.errors import InputError
from line_inspector.inference.view import View
from line_inspector.training.foreground import coverage_remark, foreground_for

AUTO, FILE = View(foreground="auto"), View(foreground="file")


def part(x_px: int, y_px: int, seed: int = 0) -> np.ndarray:
    """A bright part of 40 x 60 px with a dark hole, on a dark belt, 128 x 128."""
    region = np.random.default_rng(seed).normal(40, 3, (128, 128, 3))
    region[y_px : y_px + 40, x_px : x_px + 60] += 130
    region[y_px + 15 : y_px + 25, x_px + 20 : x_px + 30] -= 130
    return region.clip(0, 255).astype(np.uint8)


def test_auto_covers_the_part_wherever_a_good_image_has_it_with_its_holes_and_a_margin() -> None:
    places = [(30, 40), (36, 40), (30, 48), (33, 44)]
    regions = np.stack([part(x, y, seed) for seed, (x, y) in enumerate(places * 3)])
    mask = foreground_for(AUTO, 128, regions, None)
    assert mask is not None and mask.shape == (128, 128)
    for x, y in places:
        assert mask[y - 2 : y + 42, x - 2 : x + 62].all()
    assert not mask[:25].any() and not mask[:, :15].any() and not mask[:, 115:].any()
    assert "%" in coverage_remark(mask) and "little" not in coverage_remark(mask)


def test_auto_has_the_shape_of_a_region_of_several_tiles() -> None:
    view = View(rows=1, columns=2, foreground="auto")
    height, width = view.region_shape(128)
    regions = np.stack([cv2.resize(part(30, 40, seed), (width, height)) for seed in range(8)])
    mask = foreground_for(view, 128, regions, None)
    assert mask is not None and mask.shape == (height, width)
    assert mask[60, round(60 / 128 * width)] and not mask[10, 10]


@pytest.mark.parametrize("ground", ["fills the frame", "is like its ground"])
def test_auto_refuses_what_it_cannot_tell(ground: str) -> None:
    noise = np.random.default_rng(0).normal(120, 30, (8, 128, 128, 3))
    regions = cv2.GaussianBlur(noise[0], (0, 0), 3)[None].repeat(8, 0) if ground == "fills the frame" else noise
    with pytest.raises(InputError, match="0 of 8 good images only"):
        foreground_for(AUTO, 128, regions.clip(0, 255).astype(np.uint8), None)


def test_a_drawn_mask_is_of_the_frame_and_cut_to_the_region(tmp_path: Path) -> None:
    drawn = np.zeros((200, 400), np.uint8)
    drawn[100:150, 300:310] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), drawn)
    view = View(x=0.5, y=0.0, width=0.5, height=1.0, foreground="file")
    mask = foreground_for(view, 100, np.zeros((1, 100, 100, 3), np.uint8), tmp_path / "mask.png")
    assert mask is not None
    assert np.argwhere(mask).min(axis=0).tolist() == [50, 50]
    assert np.argwhere(mask).max(axis=0).tolist() == [74, 54]


def test_a_line_of_one_pixel_in_a_drawn_mask_is_not_lost(tmp_path: Path) -> None:
    drawn = np.zeros((1000, 1000), np.uint8)
    drawn[501] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), drawn)
    mask = foreground_for(FILE, 64, np.zeros((1, 64, 64, 3), np.uint8), tmp_path / "mask.png")
    assert mask is not None and mask.any(axis=0).all()


def test_a_drawn_mask_that_marks_nothing_or_is_not_there_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((64, 64), np.uint8))
    for name, says in (("black.png", "marks nothing"), ("nowhere.png", "no such image")):
        with pytest.raises(InputError, match=says):
            foreground_for(FILE, 64, np.zeros((1, 64, 64, 3), np.uint8), tmp_path / name)


def test_very_small_and_very_large_masks_are_remarked_on() -> None:
    mask = np.zeros((100, 100), bool)
    mask[:2] = True
    assert "very little" in coverage_remark(mask)
    assert "nearly all" in coverage_remark(~mask | mask)
    assert coverage_remark(None) == ""
