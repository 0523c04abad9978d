"""What lies on the belt: parts from a data set, or parts that the simulated camera renders, some of them defective."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from line_inspector.config import CameraSource, FolderCamera, SimulatedCamera, SimulationSettings
from line_inspector.errors import InputError
from line_inspector.images import list_images
from line_inspector.messages import Scene

DEFECTS = ("scratch", "dent", "stain", "chip", "crack", "fibre")  # names that the simulated camera draws
GOOD = "good"
SEED_BITS = 31


@dataclass(frozen=True)
class Subject:
    """A part as it is: `defective` is None where the world cannot know, because the camera looks at something else."""

    scene: Scene
    defective: bool | None
    defect: str = ""


def subjects(settings: SimulationSettings, source: CameraSource, rng: random.Random) -> Iterator[Subject]:
    """An endless stream of parts for a camera of this kind. Raises InputError at once for a data set without parts."""
    if settings.images and isinstance(source, FolderCamera):
        return _photographed(settings.images, settings.defective_share, rng)
    if isinstance(source, SimulatedCamera):
        return _rendered(settings.defective_share, rng)
    return _unknown()


def good_parts(dataset: Path) -> Path:
    """Where a data set in MVTec AD layout has the good parts that are put on the belt."""
    return dataset / "test" / GOOD


def _rendered(defective_share: float, rng: random.Random) -> Iterator[Subject]:
    while True:
        defect = rng.choice(DEFECTS) if rng.random() < defective_share else ""
        yield Subject(Scene(seed=rng.getrandbits(SEED_BITS), defect=defect), bool(defect), defect)


def _photographed(folder: Path, defective_share: float, rng: random.Random) -> Iterator[Subject]:
    """Parts of a data set in MVTec AD layout: test/good and test/<defect>."""
    test = folder / "test"
    good = [Subject(_scene(path), False) for path in list_images(good_parts(folder))]
    defects = sorted(found.name for found in test.iterdir() if found.is_dir() and found.name != GOOD)
    defective = [Subject(_scene(path), True, defect) for defect in defects for path in list_images(test / defect)]
    if defective_share and not defective:
        remedy = "Add test/<defect>/ or set simulation.defective_share to 0"
        raise InputError("data set has no defective images", str(test), remedy)
    return _mixed(_shuffled(good, rng), _shuffled(defective, rng), defective_share, rng)


def _mixed(
    good: Iterator[Subject], defective: Iterator[Subject], defective_share: float, rng: random.Random
) -> Iterator[Subject]:
    while True:
        yield next(defective if rng.random() < defective_share else good)


def _shuffled(subjects: list[Subject], rng: random.Random) -> Iterator[Subject]:
    """Round after round, each in a new order."""
    while True:
        yield from rng.sample(subjects, len(subjects))


def _scene(path: Path) -> Scene:
    return Scene(file=str(path.resolve()))


def _unknown() -> Iterator[Subject]:
    while True:
        yield Subject(Scene(), None)
