"""A model good enough to sort rendered parts, trained once for all whole-line tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from line_under_test import LineUnderTest

from line_inspector.cameras.dataset import write_dataset
from line_inspector.inference.model_directory import read_golden, read_model_directory, write_model_directory
from line_inspector.model.architecture import Architecture
from line_inspector.training.budget import Budget
from line_inspector.training.good_frames import read_good_folder
from line_inspector.training.model_training import train_model
from line_inspector.training.options import TrainingOptions

SIZE_PX = 128
STEPS = 60


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model for 128 px frames of the rendered disc."""
    folder = tmp_path_factory.mktemp("model")
    write_dataset(folder / "parts", good_train=60, good_test=0, per_defect=0, size_px=SIZE_PX, seed=1)
    torch.set_num_threads(2)
    architecture = Architecture(image_size_px=SIZE_PX, patches_per_side=4)
    options = TrainingOptions(architecture=architecture, false_reject_rate=0.1)  # the nights have few frames
    good = read_good_folder(folder / "parts" / "train" / "good", SIZE_PX)
    train_model(good, folder / "model", options, Budget(steps=STEPS))
    return folder / "model"


@pytest.fixture(scope="session")
def second_model_dir(model_dir: Path) -> Path:
    """The same model under another version, as a retraining would publish it."""
    model, manifest = read_model_directory(model_dir)
    folder = model_dir.parent / "second"
    frames = [frame for frame, _ in read_golden(model_dir)]
    write_model_directory(
        folder,
        model,
        threshold=manifest.threshold,
        pixel_threshold=manifest.pixel_threshold,
        scale=manifest.scale,
        golden_frames=frames,
        version="second",
        calibration=manifest.calibration,
        lineage=manifest.lineage,
        metrics=manifest.metrics,
    )
    return folder


@pytest.fixture
def line_under_test(tmp_path: Path, model_dir: Path) -> Iterator[LineUnderTest]:
    """A line of real processes; stopped at the end, whatever happened."""
    line = LineUnderTest(tmp_path, model_dir)
    try:
        yield line
    finally:
        line.stop()
