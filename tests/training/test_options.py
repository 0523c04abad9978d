"""Options of a training: what they may hold, and that each of the losses' has its effect."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_training import OPTIONS, weights_sha256

from line_inspector.training.budget import Budget
from line_inspector.training.good_frames import GoodFrames
from line_inspector.training.model_training import train_model
from line_inspector.training.options import TrainingOptions

SHARES = ("structural_share", "turned_share", "texture_folder_share", "held_out_share", "choice_share", "window_share")
NUMBERS = (*SHARES, "learning_rate", "warm_up", "focal_gamma", "segmentation_weight")
PROMISES = ("false_reject_rate", "outlined_share")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in (*NUMBERS, *PROMISES) for value in (math.nan, math.inf, -math.inf, -0.1, "0.3")),
        *((name, 7.0) for name in (*SHARES, *PROMISES)),
        ("batch_size", 0),
        ("batch_size", 1),
        ("batch_size", 10**9),
        ("batch_size", 4.0),
        ("window_share", 0.0),
        ("learning_rate", 0.0),
        ("learning_rate", 1e20),
        ("warm_up", 1.0),
        ("focal_gamma", 0.5),
        ("held_out_share", 0.6),
        ("false_reject_rate", 0.0),
        ("checks", 0),
        ("patience", 0),
        ("threads", 0),
        ("seed", -1),
        ("seed", 2**63),
        ("schedule", "cosine"),
        ("distillation_reduction", "max"),
        ("stop_weight_gradient", "no"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_a_line(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name) as refused:
        TrainingOptions(**{name: value})  # type: ignore[arg-type]
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("value", [0.0, 1.0, 10.0])
def test_bounds_themselves_are_allowed(value: float) -> None:
    share = min(value, 0.5)
    assert TrainingOptions(focal_gamma=value, held_out_share=share, choice_share=min(value, 1.0), warm_up=share)


@pytest.mark.parametrize(
    "change", [{"distillation_reduction": "sum"}, {"stage_mask": "any"}, {"stop_weight_gradient": True}], ids=str
)
def test_the_choices_about_the_losses_reach_the_training(
    good: GoodFrames, tmp_path: Path, change: dict[str, Any]
) -> None:
    for name, options in (("default", OPTIONS), ("changed", replace(OPTIONS, **change))):
        manifest = train_model(good, tmp_path / name, options, Budget(steps=2))
    assert weights_sha256(tmp_path / "changed") != weights_sha256(tmp_path / "default")
    assert change.items() <= manifest.lineage["options"].items()


def test_without_segmentation_only_the_features_learn(good: GoodFrames, tmp_path: Path) -> None:
    without = replace(OPTIONS, architecture=replace(OPTIONS.architecture, post_segmentation=False))
    trained = []
    for name, weight in (("a", 1.0), ("b", 50.0)):
        train_model(good, tmp_path / name, replace(without, segmentation_weight=weight), Budget(steps=3))
        trained.append(weights_sha256(tmp_path / name))
    assert trained[0] == trained[1]
