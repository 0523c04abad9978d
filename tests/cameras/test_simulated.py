from pathlib import Path

import cv2
import numpy as np
import pytest

from line_inspector import config
from line_inspector.cameras import CameraFault, build_camera
from line_inspector.cameras.renderer import render
from line_inspector.errors import InputError
from line_inspector.messages import Scene


def test_renders_the_scene_in_the_configured_size() -> None:
    camera = build_camera(config.SimulatedCamera(kind="simulated", width_px=160, height_px=96))
    frame = camera.shoot(Scene(seed=5, defect="chip"))
    assert np.array_equal(frame, render(5, "chip", 160, 96)[0])
    assert not np.array_equal(frame, camera.shoot(Scene(seed=5)))
    camera.close()


@pytest.mark.parametrize("scene", [Scene(seed=1, defect="dragon"), Scene(seed=-1)])
def test_a_scene_it_cannot_draw_is_a_bad_frame(scene: Scene) -> None:
    camera = build_camera(config.SimulatedCamera(kind="simulated", width_px=64, height_px=64))
    with pytest.raises(CameraFault) as fault:
        camera.shoot(scene)
    assert fault.value.reason == "bad_frame"
    assert camera.shoot(Scene(seed=1)).shape == (64, 64, 3)


def test_unknown_product_is_an_input_error() -> None:
    with pytest.raises(InputError, match="disc"):
        build_camera(config.SimulatedCamera(kind="simulated", product="dragon"))


@pytest.mark.parametrize("kind", ["simulated", "folder"])
def test_without_its_cable_the_camera_is_down_until_it_is_back(tmp_path: Path, kind: str) -> None:
    cable, picture = tmp_path / "cable", tmp_path / "part.png"
    cv2.imwrite(str(picture), np.zeros((64, 64), np.uint8))
    sources = {"simulated": config.SimulatedCamera, "folder": config.FolderCamera}
    camera = build_camera(sources[kind].model_validate({"kind": kind, "cable": cable}))
    with pytest.raises(CameraFault) as fault:
        camera.shoot(Scene(file=str(picture)))
    assert fault.value.reason == "camera_down"
    cable.touch()
    assert camera.shoot(Scene(file=str(picture))).shape[:2] in ((64, 64), (256, 256))
