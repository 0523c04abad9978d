"""The line that is hurt: the given one, gate on loopback, world simulated, and every file in a scratch folder."""

import random
from pathlib import Path
from typing import Any

from line_inspector.chaos.scratch_gate import at_another_port, scratch_counter, scratch_gate
from line_inspector.config import FolderCamera, Line, SimulatedCamera, SimulationSettings
from line_inspector.config.inference import LOCAL
from line_inspector.line_file import parse_line, write_document
from line_inspector.simulation.scenes import subjects

LEDGER = "ledger.sqlite"
ARCHIVE_MIN_FREE_MB = 64  # of the small disk
OF_A_LARGE_DISK = ("archive_max_mb", "archive_keep_free_mb")
STAND_IN_PX = 256
LEAST_SIDE_PX = 64  # of a simulated camera


def scratch_line(given: Line, data_dir: Path, cable: Path, seed: int) -> Line:
    """The line with its files in `data_dir`. Raises InputError where the world has nothing to put before a camera.

    Cameras, belt, deadlines, inference and records are the given ones, but the belt's counter is the world's. A camera
    that the world can show nothing to (a real one, a video) is replaced by a simulated one: see `stands_in`.
    """
    document = given.model_dump(mode="json", exclude_none=True)
    simulation = given.simulation or SimulationSettings()
    document["data_dir"] = str(data_dir)
    document.pop("challenge", None)  # pictures of the real product, and nobody there to acknowledge
    document["decision"]["gate"] = scratch_gate(given.decision.gate)
    if given.counter:
        document["belt"]["encoder"]["source"] |= scratch_counter(given.counter)
    document["records"] |= {"ledger": LEDGER, "archive_min_free_mb": ARCHIVE_MIN_FREE_MB}
    for key in OF_A_LARGE_DISK:
        document["records"].pop(key, None)
    document["overlay"] |= {"host": "127.0.0.1", "port": 0}
    document["simulation"] = simulation.model_dump(mode="json", exclude_none=True) | {
        "seed": seed,
        "defective_share": simulation.defective_share or SimulationSettings().defective_share,
    }
    document["cameras"] = {name: _camera(given, name, document["cameras"][name], cable) for name in given.cameras}
    document["inference"]["workers"] = {  # those on other hosts stay with the real line
        name: worker for name, worker in document["inference"]["workers"].items() if worker["host"] == LOCAL
    }
    line = parse_line(document, data_dir / "line.yaml")
    assert line.simulation
    for camera in line.cameras.values():
        subjects(line.simulation, camera.source, random.Random(0))
    return line


def stands_in(given: Line, name: str) -> bool:
    """Whether the camera is replaced by a simulated one; a model of the real product is then of no use."""
    source = given.cameras[name].source
    shown = given.simulation is not None and given.simulation.images is not None and isinstance(source, FolderCamera)
    return not (shown or isinstance(source, SimulatedCamera))


def ledger_file(line: Line) -> Path:
    """The scratch line's ledger, whatever database the given line has."""
    return line.data_dir / LEDGER


def world_line(line: Line, data_dir: Path) -> Line:
    """The same line as the world knows it: record and sockets in a folder of its own, its PLC at a port of its own."""
    decision = line.decision.model_copy(update={"gate": at_another_port(line.decision.gate)})
    return line.model_copy(update={"data_dir": data_dir, "decision": decision})


def write_line(line: Line, path: Path) -> Path:
    """Writes the line file; returns its path."""
    return write_document(line.model_dump(mode="json", exclude_none=True), path)


def _camera(given: Line, name: str, document: dict[str, Any], cable: Path) -> dict[str, Any]:
    document = document | {"trigger": {"kind": "line"}}
    if not stands_in(given, name):
        return document | {"source": document["source"] | {"cable": str(cable)}}
    settings = given.cameras[name]
    width_px = max(LEAST_SIDE_PX, min(STAND_IN_PX, settings.max_width_px))
    height_px = max(LEAST_SIDE_PX, min(STAND_IN_PX, settings.max_height_px))
    return document | {
        "source": {"kind": "simulated", "width_px": width_px, "height_px": height_px, "cable": str(cable)},
        "max_width_px": max(LEAST_SIDE_PX, settings.max_width_px),
        "max_height_px": max(LEAST_SIDE_PX, settings.max_height_px),
        "channels": 3,
        "exact_size": False,
    }
