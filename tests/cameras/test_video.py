from pathlib import Path

import cv2
import numpy as np
import pytest

from line_inspector import config
from line_inspector.cameras import Camera, CameraFault, build_camera
from line_inspector.errors import InputError
from line_inspector.messages import Scene

GREYS = (40, 120, 200)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "parts.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    assert writer.isOpened()
    for grey in GREYS:
        writer.write(np.full((48, 64, 3), grey, np.uint8))
    writer.release()
    return path


def greys(camera: Camera, count: int) -> list[int]:
    return [round(float(camera.shoot(Scene()).mean())) for _ in range(count)]


def test_gives_each_frame_once_then_no_frame(video: Path) -> None:
    camera = build_camera(config.VideoCamera(kind="video", path=video, loop=False))
    assert greys(camera, 3) == pytest.approx(GREYS, abs=3)
    for _ in range(2):
        with pytest.raises(CameraFault) as fault:
            camera.shoot(Scene())
        assert fault.value.reason == "no_frame"
    camera.close()
    camera.close()


def test_loops(video: Path) -> None:
    camera = build_camera(config.VideoCamera(kind="video", path=video))
    assert greys(camera, 7) == pytest.approx([*GREYS, *GREYS, GREYS[0]], abs=3)


def test_frames_are_the_callers_own(video: Path) -> None:
    camera = build_camera(config.VideoCamera(kind="video", path=video))
    first = camera.shoot(Scene())
    assert first.shape == (48, 64, 3)
    assert first.dtype == np.uint8
    kept = first.copy()
    camera.shoot(Scene())
    assert np.array_equal(first, kept)


def test_a_video_that_vanishes_while_it_loops_is_camera_down(video: Path) -> None:
    camera = build_camera(config.VideoCamera(kind="video", path=video))
    greys(camera, 3)
    video.unlink()
    with pytest.raises(CameraFault) as fault:
        camera.shoot(Scene())
    assert fault.value.reason == "camera_down"


def test_missing_and_broken_files_are_input_errors(tmp_path: Path, video: Path) -> None:
    headless = tmp_path / "headless.avi"
    headless.write_bytes(video.read_bytes()[:300])
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    for path in (tmp_path / "none.avi", headless, text, tmp_path):
        with pytest.raises(InputError, match=path.name):
            build_camera(config.VideoCamera(kind="video", path=path))
