"""The options of `line-inspector train`, and how its help shows them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from line_inspector.commands.train_settings import own_flags, set_option
from line_inspector.model.configurations import CONFIGURATIONS
from line_inspector.training.options import PAPER, PAPER_EPOCHS, TrainingOptions

DEFAULTS = TrainingOptions()
FLAGS = own_flags(
    *("backbone", "image_size_px", "patches_per_side", "batch_size", "learning_rate", "schedule", "window_share"),
    *("checks", "patience", "precision", "false_reject_rate", "outlined_share", "device", "threads", "seed"),
    weights_file="--weights",
    texture_folder="--textures",
)


def _or_paper(name: str) -> str:
    """How the help shows a default that --paper changes."""
    return f"{getattr(DEFAULTS, name)}; with --paper {getattr(PAPER, name)}"


GoodDir = Annotated[Path, typer.Argument(help="Folder of images of good parts.")]
Out = Annotated[Path, typer.Option(help="Model directory to write; must not exist.")]

Minutes = Annotated[float | None, typer.Option(help="Time from start to finished model; 10 unless told.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Steps instead of minutes; repeatable to the bit.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="How often to learn from every image; repeatable to the bit.")]
Paper = Annotated[bool, typer.Option("--paper", help=f"As in the paper, for {PAPER_EPOCHS} epochs.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from where a training was interrupted.")]
CheckpointMinutes = Annotated[
    float, typer.Option(min=0.0, help="How often to write down where the training stands; 0 is never.")
]

Configuration = Annotated[str, typer.Option(help=f"One of {', '.join(CONFIGURATIONS)}; see docs/model.md.")]
BackboneName = Annotated[str | None, typer.Option(help="Any timm model, instead of the configuration's.")]
Weights = Annotated[Path | None, typer.Option(help="The backbone's weights as .safetensors, no hub.")]
ImageSizePx = Annotated[int, typer.Option(min=32, max=2048, help="Side to which every image is brought.")]
PatchesPerSide = Annotated[int, typer.Option(min=1, help="k: the student sees k x k patches.")]

BatchSize = Annotated[int | None, typer.Option(min=2, help="Over all processes.", show_default=_or_paper("batch_size"))]
LearningRate = Annotated[
    float | None,
    typer.Option(min=1e-7, max=1.0, help="The schedule's highest.", show_default=_or_paper("learning_rate")),
]
Schedule = Annotated[
    Literal["one-cycle", "steps"] | None,
    typer.Option(
        help="Of the learning rate: up and down, or x 0.2 at 80 % and 90 %.", show_default=_or_paper("schedule")
    ),
]
WindowShare = Annotated[
    float | None,
    typer.Option(
        min=0.05,
        max=1.0,
        help="Side of what the student learns from in a step, as a share of the image's.",
        show_default=_or_paper("window_share"),
    ),
]
Checks = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Looks at forged held-out images, of which the best one's model is kept.",
        show_default=_or_paper("checks"),
    ),
]
Patience = Annotated[int, typer.Option(min=0, help="End after so many looks in a row without improvement; 0 is never.")]
Precision = Annotated[Literal["auto", "bf16", "fp16", "fp32"], typer.Option(help="What to compute in.")]
FalseRejectRate = Annotated[
    float | None,
    typer.Option(
        min=0.0001, max=0.5, help="Share of good parts rejected at most; 0.02, or what the images support, unless told."
    ),
]
OutlinedShare = Annotated[
    float | None,
    typer.Option(
        min=0.0001,
        max=0.5,
        help="Share of a good part's area outlined at most, on average; what suits the images unless told.",
    ),
]
Settings = Annotated[list[str] | None, set_option(FLAGS)]
Textures = Annotated[Path | None, typer.Option(help="Folder of further textures for forging, such as DTD.")]

Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Threads = Annotated[int | None, typer.Option(min=1, max=256, help="Of PyTorch; one per core unless told.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a sentence.")]
