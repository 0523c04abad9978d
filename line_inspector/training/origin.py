"""What a training depends on, so that a checkpoint is never continued with anything else."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from line_inspector.inference.model_directory import read_manifest
from line_inspector.inference.payload import WEIGHTS
from line_inspector.model.forging import Forger
from line_inspector.training.budget import Budget
from line_inspector.training.good_frames import GoodFrames
from line_inspector.training.options import TrainingOptions

Origin = dict[str, str]  # what, in a person's words, to its value
BUDGET = "budget"
MOST_NAMED = 3
DIGITS = 12
CLOCK_ONLY = ("threads", "device")  # how fast it goes, and the last bit of a sum


def origin_of(
    good: GoodFrames, forger: Forger, options: TrainingOptions, budget: Budget, parent: Path | None
) -> Origin:
    """Images, textures, parent, budget and options."""
    chosen = {name: value for name, value in options.as_record().items() if name not in CLOCK_ONLY}
    parts: dict[str, Any] = {
        "images of good parts": _digest(good.pixels),
        "view": str(good.tiling.view),
        "foreground": None if good.tiling.foreground is None else _digest([good.tiling.foreground]),
        "textures": _digest(forger.textures),
        "parent": None if parent is None else read_manifest(parent).files[WEIGHTS][:DIGITS],
        BUDGET: {"steps": budget.steps, "epochs": budget.epochs, "seconds": budget.seconds},
        **asdict(options.architecture),
        **chosen,
    }
    return {name: _written(value) for name, value in parts.items()}


def differences(before: Origin, now: Origin) -> str:
    """What differs, the first few of it by name; empty where nothing does."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    told = [f"{name} {_in_words(name, now)}, was {_in_words(name, before)}" for name in names[:MOST_NAMED]]
    more = [f"and {len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return "; ".join([*told, *more])


def _in_words(name: str, origin: Origin) -> str:
    """A value for people; `budget` as `41 steps`, of its measures those that are set."""
    value = origin.get(name, "unknown")
    if name != BUDGET or name not in origin:
        return value
    measures = msgspec.json.decode(value, type=dict[str, float | None])
    return ", ".join(f"{amount:.10g} {measure}" for measure, amount in measures.items() if amount is not None)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _digest(images: NDArray[np.uint8] | Iterable[NDArray[np.generic]]) -> str:
    """How many, and the beginning of a digest of their pixels in this order."""
    digest, count = hashlib.sha256(), 0
    for image in images:
        digest.update(np.ascontiguousarray(image).tobytes())
        count += 1
    return f"{count} ({digest.hexdigest()[:DIGITS]})"
