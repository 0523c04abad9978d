"""Where a model came from: what its manifest says of its training, for people and for promotion."""

from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch

from line_inspector.inference.model_directory import read_manifest
from line_inspector.training.budget import Budget
from line_inspector.training.fit import Fitted
from line_inspector.training.learner import Learner
from line_inspector.training.material import Material

Lineage = dict[str, Any]


def lineage_of(
    learner: Learner, material: Material, fitted: Fitted, budget: Budget, *, parent: Path | None, weights_source: str
) -> Lineage:
    """The lineage of the model that `learner` has trained; it can be written as JSON."""
    split, options = material.split, learner.options
    return {
        "parent": None if parent is None else read_manifest(parent).version,
        "weights_source": weights_source,
        "texture_source": material.sampler.forger.texture_source,
        "seconds": round(budget.seconds_used(), 1),
        "processes": learner.team.size,
        "seed": options.seed,
        "images": sum(len(part) for part in split),
        "images_trained_on": len(split.train),
        "images_for_choice": len(split.choice),
        "steps": fitted.steps,
        "best_step": fitted.best_step,
        "ended_by": fitted.ended_by,
        "options": options.as_record(),
        "device": learner.model.mean.device.type,
        "versions": {"torch": str(torch.__version__), "timm": timm.__version__, "numpy": np.__version__},
    }
