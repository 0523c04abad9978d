from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from line_inspector.errors import InputError
from line_inspector.training.good_frames import FEWEST_IMAGES, read_good_folder


@pytest.fixture
def folder(tmp_path: Path, draw_frame: Callable[..., np.ndarray]) -> Path:
    for index in range(FEWEST_IMAGES):
        cv2.imwrite(str(tmp_path / f"{index:02d}.png"), draw_frame(index))
    return tmp_path


def test_images_are_read_by_name_and_brought_to_size(folder: Path) -> None:
    colour = np.zeros((50, 40, 3), np.uint8)
    colour[..., 0] = 200  # blue, in OpenCV's order
    cv2.imwrite(str(folder / "zz.png"), colour)
    good = read_good_folder(folder, 64)
    assert len(good) == FEWEST_IMAGES + 1
    assert [path.name for path in good.paths] == sorted(path.name for path in good.paths)
    assert good.pixels.shape == (FEWEST_IMAGES + 1, 64, 64, 3)
    assert good.pixels[-1, 0, 0].tolist() == [0, 0, 200]
    assert good.frame(FEWEST_IMAGES).shape == (50, 40, 3)


def _truncated(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    encoded = cv2.imencode(".jpg", noise)[1].tobytes()
    path.with_suffix(".jpg").write_bytes(encoded[: len(encoded) // 2])


BAD_IMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": _truncated,
    "not an image": lambda path: path.write_bytes(b"no image at all"),
    "empty": lambda path: path.write_bytes(b""),
    "16-bit": lambda path: cv2.imwrite(str(path), np.full((64, 64), 40000, np.uint16)),
    "alpha": lambda path: cv2.imwrite(str(path), np.full((64, 64, 4), 128, np.uint8)),
    "too small": lambda path: cv2.imwrite(str(path), np.full((8, 64), 128, np.uint8)),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_one_bad_image_is_refused_by_name(folder: Path, kind: str) -> None:
    BAD_IMAGES[kind](folder / "bad.png")
    with pytest.raises(InputError) as caught:
        read_good_folder(folder, 64)
    assert "bad." in caught.value.where
    assert "\n" not in str(caught.value)


def test_missing_empty_and_nearly_empty_folders(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_good_folder(tmp_path / "nowhere", 64)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no image"):
        read_good_folder(tmp_path / "empty", 64)
    (folder / "00.png").unlink()
    with pytest.raises(InputError, match=f"only {FEWEST_IMAGES - 1} good images"):
        read_good_folder(folder, 64)


def test_a_picture_that_comes_twice_counts_once(folder: Path) -> None:
    (folder / "copy.png").write_bytes((folder / "03.png").read_bytes())
    assert [path.name for path in read_good_folder(folder, 64).paths] == [f"{i:02d}.png" for i in range(FEWEST_IMAGES)]
    (folder / "07.png").unlink()
    with pytest.raises(InputError, match=f"only {FEWEST_IMAGES - 1} different good images"):
        read_good_folder(folder, 64)


@pytest.mark.parametrize("below", ["train/good", "good"])
def test_who_names_the_data_set_is_told_the_folder_of_its_good_images(
    tmp_path: Path, draw_frame: Callable[..., np.ndarray], below: str
) -> None:
    (tmp_path / below).mkdir(parents=True)
    cv2.imwrite(str(tmp_path / below / "1.png"), draw_frame(1, 40, 40))
    with pytest.raises(InputError) as refused:
        read_good_folder(tmp_path, 64)
    assert str(refused.value) == f"{tmp_path}: folder holds no image. Name {tmp_path / below}, which does"
