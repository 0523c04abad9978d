from pathlib import Path

import numpy as np
import pytest

from line_inspector.cameras.dataset import write_dataset
from line_inspector.cameras.defects import DEFECTS
from line_inspector.errors import InputError
from line_inspector.images import list_images, read_image


def test_layout_masks_and_no_part_twice(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    write_dataset(folder, good_train=5, good_test=3, per_defect=2, size_px=64, seed=1)
    counts = {str(p.relative_to(folder)): len(list_images(p)) for p in folder.glob("*/*")}
    expected = {"train/good": 5, "test/good": 3}
    expected |= {f"{place}/{defect}": 2 for place in ("test", "ground_truth") for defect in DEFECTS}
    assert counts == expected
    for defect in DEFECTS:
        for picture in list_images(folder / "test" / defect):
            mask = read_image(folder / "ground_truth" / defect / f"{picture.stem}_mask.png")
            assert mask.shape == read_image(picture).shape[:2] == (64, 64)
            assert set(np.unique(mask)) == {0, 255}
    pictures = [p.read_bytes() for p in folder.glob("t*/*/*.png")]
    assert len(set(pictures)) == len(pictures) == 8 + 2 * len(DEFECTS)
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_the_seed_decides_every_byte(tmp_path: Path) -> None:
    def bytes_of(name: str, seed: int) -> list[bytes]:
        write_dataset(tmp_path / name, good_train=2, good_test=1, per_defect=1, size_px=64, seed=seed)
        return [p.read_bytes() for p in sorted((tmp_path / name).rglob("*.png"))]

    first = bytes_of("a", 3)
    assert first == bytes_of("b", 3)
    assert first != bytes_of("c", 4)


def test_refuses_a_folder_in_use_and_a_place_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(InputError, match="not an empty folder"):
        write_dataset(tmp_path, 1, 1, 1, 64, 0)
    with pytest.raises(InputError, match="cannot be written"):
        write_dataset(tmp_path / "mine.txt" / "set", 1, 1, 1, 64, 0)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
