"""The model that a line without one gets for the test: small, trained in about a minute."""

from itertools import cycle, islice
from pathlib import Path

import cv2

from line_inspector.cameras.renderer import render
from line_inspector.config import Line, SimulatedCamera
from line_inspector.model.architecture import Architecture
from line_inspector.training.budget import Budget
from line_inspector.training.good_frames import GoodFrames, read_good_folder
from line_inspector.training.model_training import train_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.progress import show_progress

GOOD_PARTS = 60
STEPS = 150
SIDE_PX = 128
FIRST_SEED = 2**31  # the world draws smaller ones, so that no part on the belt was trained on
OPTIONS = TrainingOptions(architecture=Architecture(image_size_px=SIDE_PX, patches_per_side=4), false_reject_rate=0.1)


def train_stand_in(line: Line, folder: Path) -> Path:
    """A model directory in `folder` for what the world shows the cameras of the scratch line. Raises InputError."""
    with show_progress() as on_progress:
        train_model(_good_frames(line, folder), folder / "model", OPTIONS, Budget(steps=STEPS), on_progress=on_progress)
    return folder / "model"


def _good_frames(line: Line, folder: Path) -> GoodFrames:
    assert line.simulation
    if line.simulation.images:
        return read_good_folder(line.simulation.images / "train" / "good", SIDE_PX)
    pictures = folder / "good"
    pictures.mkdir()
    sources = [camera.source for camera in line.cameras.values() if isinstance(camera.source, SimulatedCamera)]
    for number, source in enumerate(islice(cycle(sources), GOOD_PARTS)):
        picture, _ = render(FIRST_SEED + number, "", source.width_px, source.height_px)
        cv2.imwrite(str(pictures / f"{number:03d}.png"), picture)
    return read_good_folder(pictures, SIDE_PX)
