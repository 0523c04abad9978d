"""The line that a demo runs: the given one, made a simulated one whose files all lie in its own folder."""

import random
from pathlib import Path
from typing import Any

from line_inspector.commands.demo_folder import require_ours, require_outside
from line_inspector.config import FolderCamera, Line, LineTrigger, SimulatedCamera, SimulationSettings
from line_inspector.errors import InputError
from line_inspector.images import list_images, read_image, require_folder
from line_inspector.line_file import parse_line, read_line_file, write_document
from line_inspector.simulation.scenes import subjects

LEDGER = "ledger.sqlite"  # never the ledger of the line that the demo was given
TO_SHOW = "Put pictures of good parts into test/good, of defective ones into test/<defect>, beside train/good"


def read_demo_line(line_file: Path, images: Path | None) -> Line:
    """The line of the file, with the data set `images`, if any, before its cameras.

    Writes nothing. Raises InputError where no demo can be made of it: its folder is not the demo's to empty, the line
    cannot be simulated, or the data set has not what the world puts on the belt.
    """
    given = read_line_file(line_file)
    require_ours(given.data_dir)
    require_outside(line_file.resolve(), given.data_dir)
    simulation = given.simulation or SimulationSettings()
    named = images or simulation.images
    images = named.resolve() if named else None
    changed: dict[str, Any] = {"simulation": simulation.model_copy(update={"images": images})}
    changed["records"] = given.records.model_copy(update={"ledger": LEDGER})
    document = _document(given.model_copy(update=changed))
    if named and images:
        require_outside(images, given.data_dir)
        shown = _shown_pictures(named)
        document["cameras"] = {name: camera | shown for name, camera in document["cameras"].items()}
    line = parse_line(document, line_file_of(given))
    _require_parts(line, line_file)
    return line


def line_file_of(line: Line) -> Path:
    """Where the demo writes the line file that it runs."""
    return line.data_dir / "line.yaml"


def write_line_file(line: Line) -> Path:
    """Writes the line file into the line's folder, which can then be moved; returns its path."""
    return write_document(_document(line), line_file_of(line))


def _document(line: Line) -> dict[str, Any]:
    return line.model_dump(mode="json", exclude_none=True) | {"data_dir": "."}


def _shown_pictures(images: Path) -> dict[str, Any]:
    """A camera's keys so that it shows every picture under test/. Raises InputError for one that cannot be read."""
    require_folder(images)
    if not (images / "test").is_dir():
        raise InputError("holds no folder test", str(images), TO_SHOW)
    folders = sorted(found for found in (images / "test").iterdir() if found.is_dir())
    shapes = [read_image(path).shape for folder in folders for path in list_images(folder)]
    if not shapes:
        raise InputError("holds no folder of images", str(images / "test"), TO_SHOW)
    return {
        "source": {"kind": "folder"},
        "max_height_px": max(shape[0] for shape in shapes),
        "max_width_px": max(shape[1] for shape in shapes),
        "channels": 3 if any(len(shape) == 3 for shape in shapes) else 1,
        "exact_size": False,
    }


def _require_parts(line: Line, line_file: Path) -> None:
    """The world must have something to put before every camera that it triggers, and at least one to trigger."""
    assert line.simulation
    if not any(isinstance(camera.trigger, LineTrigger) for camera in line.cameras.values()):
        remedy = "Set trigger: {kind: line}, so that it can be simulated"
        raise InputError("no camera is triggered by the line", str(line_file), remedy)
    for name, camera in line.cameras.items():
        if not isinstance(camera.source, FolderCamera if line.simulation.images else SimulatedCamera):
            raise InputError(f"camera {name} is not simulated", str(line_file), "Give the demo --images")
        subjects(line.simulation, camera.source, random.Random(0))
