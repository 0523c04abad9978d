"""scenes.py: what lies on the belt, and what the world knows of it."""

import random
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from line_inspector.cameras import defects as drawn
from line_inspector.config import CameraSource, FolderCamera, SimulatedCamera, SimulationSettings, VideoCamera
from line_inspector.errors import InputError
from line_inspector.simulation.scenes import DEFECTS, Subject, subjects

FOLDER = FolderCamera(kind="folder")
SIMULATED = SimulatedCamera(kind="simulated")


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    for name, count in (("good", 4), ("dent", 2), ("scratch", 3)):
        (tmp_path / "test" / name).mkdir(parents=True)
        for number in range(count):
            cv2.imwrite(str(tmp_path / "test" / name / f"{number}.png"), np.zeros((16, 16), np.uint8))
    return tmp_path


def take(count: int, source: CameraSource, seed: int = 0, **settings: object) -> list[Subject]:
    return list(islice(subjects(SimulationSettings(**settings), source, random.Random(seed)), count))


def test_the_names_of_defects_are_those_that_the_renderer_draws() -> None:
    assert set(DEFECTS) == set(drawn.DEFECTS)


def test_rendered_parts_are_mixed_in_the_share_asked_for() -> None:
    parts = take(2_000, SIMULATED, defective_share=0.25)
    assert 0.22 < sum(part.defective is True for part in parts) / len(parts) < 0.28
    assert {part.defect for part in parts} == {"", *DEFECTS}
    assert all(part.scene.defect == part.defect and part.defective == bool(part.defect) for part in parts)
    assert len({part.scene.seed for part in parts}) > 1_990


def test_the_seed_decides() -> None:
    assert take(50, SIMULATED) == take(50, SIMULATED) != take(50, SIMULATED, seed=1)


def test_photographs_come_round_shuffled_with_their_truth(data_set: Path) -> None:
    parts = take(400, FOLDER, images=data_set, defective_share=0.5)
    assert 150 < sum(part.defective is True for part in parts) < 250
    for part in parts:
        file = Path(part.scene.file)
        assert file.is_absolute() and file.is_file()
        assert (part.defect or "good") == file.parent.name and part.defective == (file.parent.name != "good")
    good = [part.scene.file for part in parts if not part.defective]
    rounds = [good[start : start + 4] for start in range(0, len(good) - 4, 4)]
    assert all(len(set(files)) == 4 for files in rounds) and len({tuple(files) for files in rounds}) > 1


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_share_may_be_none_or_all(data_set: Path, share: float) -> None:
    assert {part.defective for part in take(50, FOLDER, images=data_set, defective_share=share)} == {bool(share)}


def test_a_data_set_without_what_is_asked_for_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        take(0, FOLDER, images=tmp_path)
    (tmp_path / "test" / "good").mkdir(parents=True)
    with pytest.raises(InputError, match="holds no image"):
        take(0, FOLDER, images=tmp_path)
    cv2.imwrite(str(tmp_path / "test" / "good" / "1.png"), np.zeros((16, 16), np.uint8))
    with pytest.raises(InputError, match="no defective images"):
        take(0, FOLDER, images=tmp_path)
    assert len(take(3, FOLDER, images=tmp_path, defective_share=0)) == 3


@pytest.mark.parametrize("source", [FolderCamera(kind="folder", path=Path("p")), VideoCamera(kind="video", path="v")])
def test_the_world_does_not_claim_to_know_what_another_camera_sees(source: CameraSource) -> None:
    [part] = take(1, source)
    assert part.defective is None and part.scene.file == "" and part.scene.defect == ""


def test_rendering_cameras_render_also_beside_a_data_set(data_set: Path) -> None:
    assert all(part.scene.file == "" for part in take(20, SIMULATED, images=data_set))
