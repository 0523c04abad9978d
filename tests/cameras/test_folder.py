from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from line_inspector import config
from line_inspector.cameras import CameraFault, build_camera
from line_inspector.errors import InputError
from line_inspector.images import Frame
from line_inspector.messages import Scene


def picture(value: int, width_px: int = 48, height_px: int = 32) -> Frame:
    return np.full((height_px, width_px), value, np.uint8)


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_goes_round_the_folder_in_name_order(tmp_path: Path) -> None:
    for name, value in (("b.png", 20), ("a.png", 10), ("c.bmp", 30)):
        save(tmp_path / name, picture(value))
    camera = build_camera(config.FolderCamera(kind="folder", path=tmp_path))
    assert [int(camera.shoot(Scene())[0, 0]) for _ in range(5)] == [10, 20, 30, 10, 20]


def test_shows_the_file_of_the_scene_in_opencvs_channel_order(tmp_path: Path) -> None:
    red = np.zeros((32, 48, 3), np.uint8)
    red[:, :, 0] = 200
    camera = build_camera(config.FolderCamera(kind="folder"))
    frame = camera.shoot(Scene(file=str(save(tmp_path / "red.png", red))))
    assert frame.shape == (32, 48, 3)
    assert frame[5, 5].tolist() == [0, 0, 200]


def test_without_folder_and_file_there_is_no_frame() -> None:
    with pytest.raises(CameraFault) as fault:
        build_camera(config.FolderCamera(kind="folder")).shoot(Scene())
    assert fault.value.reason == "no_frame"


def bad_files(folder: Path) -> dict[str, Path]:
    whole = save(folder / "whole.jpg", np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8))
    truncated = folder / "truncated.jpg"
    truncated.write_bytes(whole.read_bytes()[:4000])
    text = folder / "text.png"
    text.write_text("no picture")
    return {
        "missing": folder / "missing.png",
        "truncated": truncated,
        "not an image": text,
        "16 bit": save(folder / "deep.png", np.full((40, 40), 40_000, np.uint16)),
        "alpha": save(folder / "alpha.png", np.zeros((40, 40, 4), np.uint8)),
    }


@pytest.mark.parametrize("what", ["missing", "truncated", "not an image", "16 bit", "alpha"])
def test_a_bad_file_is_one_bad_frame_and_the_next_part_is_fine(tmp_path: Path, what: str) -> None:
    bad, good = bad_files(tmp_path)[what], save(tmp_path / "good.png", picture(7))
    camera = build_camera(config.FolderCamera(kind="folder"))
    with pytest.raises(CameraFault) as fault:
        camera.shoot(Scene(file=str(bad)))
    assert fault.value.reason == "bad_frame"
    assert str(bad) in fault.value.text
    assert "\n" not in fault.value.text
    assert camera.shoot(Scene(file=str(good)))[0, 0] == 7


def test_missing_or_empty_folder_is_an_input_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match=str(tmp_path)):
            build_camera(config.FolderCamera(kind="folder", path=path))
