"""The line that is measured: a scratch line, as many cameras as wanted, that all show the model's own golden frames."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from line_inspector.cameras.renderer import render
from line_inspector.config import Line
from line_inspector.images import Frame
from line_inspector.inference.choice import line_exports
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.model_directory import (
    read_golden,
    read_manifest,
    read_tiling,
    write_model_directory,
)
from line_inspector.inference.scale import ScoreScale
from line_inspector.line_file import parse_line, write_document
from line_inspector.model.adps import ADPS
from line_inspector.model.configurations import CONFIGURATIONS, DEFAULT
from line_inspector.training.registry import Registry

UNTRAINED_FRAMES = 3
UNTRAINED_SIDE_PX = 256
RATE_HZ = 4.0  # parts per second and camera that the answer for people is about, without a line file
BUILT_IN: dict[str, Any] = {
    "line": "bench",
    "recipe": "disc",
    "belt": {"speed_mm_s": 1000},
    "cameras": {
        "top": {
            "source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 1000, "max_rate_hz": 40,
        }
    },
    "decision": {"margin_ms": 20, "gate": {"window_ms": 10}},
    "simulation": {"rate_hz": RATE_HZ},
}  # fmt: skip
JITTER = 0.1
KEEP_FRAMES_S = 0.1


@dataclass(frozen=True)
class Subject:
    """What is measured. `rate_hz` is the recipe's own, for each camera; `model_words` say which model it is."""

    line: Line
    line_file: Path
    model_dir: Path
    model_words: str
    manifest: Manifest
    tiles: int
    frames: list[Frame]
    rate_hz: float


def prepare_subject(given: Line | None, folder: Path, cameras: int) -> Subject:
    """Write line file, camera pictures and model into the empty `folder`.

    Nothing of the given line is touched. Its model in service is taken, or an untrained one of the default architecture
    where it has none. Raises InputError for a model that cannot be trusted.
    """
    model_dir, words = _model(given, folder)
    frames = [frame for frame, _ in read_golden(model_dir)]
    pictures = folder / "pictures"
    pictures.mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(pictures / f"{number:03d}.bmp"), frame)  # read in a fraction of a millisecond
    document = _document(given or parse_line(BUILT_IN | {"data_dir": str(folder)}, folder / "built-in"))
    document |= {"data_dir": str(folder / "line"), "cameras": _cameras(document, pictures, frames, cameras)}
    path = write_document(document, folder / "line.yaml")
    line = parse_line(document, path)
    assert line.simulation
    Registry(line.registry_dir, line.recipe, exports=line_exports(line, line.recipe)).publish(model_dir)
    manifest, tiles = read_manifest(model_dir), read_tiling(model_dir).count
    return Subject(line, path, model_dir, words, manifest, tiles, frames, line.simulation.rate_hz)


def _document(given: Line) -> dict[str, Any]:
    """The given line without its cameras: gate and world simulated, nobody watching, records in the scratch folder."""
    document = given.model_dump(mode="json", exclude_none=True)
    document.pop("challenge", None)
    document.pop("alarms", None)
    gate = given.decision.gate
    document["decision"]["gate"] = {
        "kind": "simulated", "window_ms": gate.window_ms, "heartbeat_timeout_ms": gate.heartbeat_timeout_ms,
    }  # fmt: skip
    document["belt"].pop("encoder", None)
    document["inference"]["workers"] = {}
    document["records"] = {
        "keep_frames_s": KEEP_FRAMES_S, "archive_min_free_mb": 0, "accept_sample": given.records.accept_sample,
    }  # fmt: skip
    rate_hz = given.simulation.rate_hz if given.simulation else RATE_HZ
    document["simulation"] = {"rate_hz": rate_hz, "jitter": JITTER, "defective_share": 0}
    return document


def _cameras(document: dict[str, Any], pictures: Path, frames: list[Frame], count: int) -> dict[str, Any]:
    """The first camera of the line, `count` times, and none sees the part of another."""
    first = next(iter(document["cameras"].values()))
    first.pop("part", None)
    camera = first | {
        "source": {"kind": "folder", "path": str(pictures)},
        "trigger": {"kind": "line"},
        "max_height_px": max(16, *(frame.shape[0] for frame in frames)),
        "max_width_px": max(16, *(frame.shape[1] for frame in frames)),
        "channels": 3 if any(frame.ndim == 3 for frame in frames) else 1,
        "exact_size": False,
    }
    return {f"bench{number}": camera for number in range(1, count + 1)}


def _model(given: Line | None, folder: Path) -> tuple[Path, str]:
    if given is not None and given.current_model_path.exists():
        path = given.current_model_path.resolve()
        return path, f"{given.recipe} {path.name}, in service"
    path = folder / "untrained"
    _write_untrained(path)
    why = "without a line file" if given is None else "as the line has no model in service"
    return path, f"{DEFAULT}, untrained ({why}): as fast as a trained one, and its verdicts mean nothing"


def _write_untrained(path: Path) -> None:
    """The default architecture with random weights, on a scale on which it calls everything good."""
    torch.manual_seed(0)
    model = ADPS(CONFIGURATIONS[DEFAULT]).eval().requires_grad_(False)
    frames = [np.asarray(render(seed, "", UNTRAINED_SIDE_PX, UNTRAINED_SIDE_PX)[0]) for seed in range(UNTRAINED_FRAMES)]
    write_model_directory(
        path,
        model,
        threshold=1.0,
        scale=ScoreScale(limit=1.0, typical=0.0),
        golden_frames=frames,
        calibration={},
        lineage={"untrained": True},
        metrics={},
    )
