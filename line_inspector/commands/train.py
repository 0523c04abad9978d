"""`line-inspector train`: good images in, a model directory out."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from line_inspector.commands.train_view import (
    ONE_TILE,
    WHOLE_FRAME,
    Foreground,
    Roi,
    TileGrid,
    TileOverlap,
    read_view,
)
from line_inspector.errors import InputError
from line_inspector.inference.view import WHOLE
from line_inspector.model.architecture import Architecture
from line_inspector.model.configurations import CONFIGURATIONS, DEFAULT
from line_inspector.training.budget import Budget
from line_inspector.training.options import PAPER, PAPER_EPOCHS, TrainingOptions

DEFAULT_MINUTES = 10.0
DEFAULTS = TrainingOptions()


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(train)


def _or_paper(name: str) -> str:
    """How the help shows a default that --paper changes."""
    return f"{getattr(DEFAULTS, name)}; with --paper {getattr(PAPER, name)}"


def train(
    good_dir: Annotated[Path, typer.Argument(help="Folder of images of good parts.")],
    out: Annotated[Path, typer.Option(help="Model directory to write; must not exist.")],
    minutes: Annotated[float | None, typer.Option(help="Time from start to finished model; 10 unless told.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps instead of minutes; repeatable to the bit.")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="How often to learn from every image; repeatable to the bit.")
    ] = None,
    paper: Annotated[bool, typer.Option("--paper", help=f"As in the paper, for {PAPER_EPOCHS} epochs.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from where a training was interrupted.")] = False,
    checkpoint_minutes: Annotated[
        float, typer.Option(min=0.0, help="How often to write down where the training stands; 0 is never.")
    ] = 5.0,
    configuration: Annotated[
        str, typer.Option(help=f"One of {', '.join(CONFIGURATIONS)}; see docs/model.md.")
    ] = DEFAULT,
    backbone: Annotated[str | None, typer.Option(help="Any timm model, instead of the configuration's.")] = None,
    weights: Annotated[Path | None, typer.Option(help="The backbone's weights as .safetensors, no hub.")] = None,
    image_size_px: Annotated[int, typer.Option(min=32, max=2048, help="Side to which every image is brought.")] = (
        DEFAULTS.architecture.image_size_px
    ),
    patches_per_side: Annotated[
        int, typer.Option(min=1, help="k: the student sees k x k patches.")
    ] = DEFAULTS.architecture.patches_per_side,
    batch_size: Annotated[
        int | None, typer.Option(min=2, help="Over all processes.", show_default=_or_paper("batch_size"))
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(min=1e-7, max=1.0, help="The schedule's highest.", show_default=_or_paper("learning_rate")),
    ] = None,
    schedule: Annotated[
        Literal["one-cycle", "steps"] | None,
        typer.Option(
            help="Of the learning rate: up and down, or x 0.2 at 80 % and 90 %.",
            show_default=_or_paper("schedule"),
        ),
    ] = None,
    window_share: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            max=1.0,
            help="Side of what the student learns from in a step, as a share of the image's.",
            show_default=_or_paper("window_share"),
        ),
    ] = None,
    checks: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Looks at forged held-out images, of which the best one's model is kept.",
            show_default=_or_paper("checks"),
        ),
    ] = None,
    patience: Annotated[
        int, typer.Option(min=0, help="End after so many looks in a row without improvement; 0 is never.")
    ] = 0,
    precision: Annotated[
        Literal["auto", "bf16", "fp16", "fp32"], typer.Option(help="What to compute in.")
    ] = DEFAULTS.precision,
    false_reject_rate: Annotated[
        float | None,
        typer.Option(
            min=0.0001,
            max=0.5,
            help="Share of good parts rejected at most; 0.02, or what the images support, unless told.",
        ),
    ] = None,
    outlined_share: Annotated[
        float | None,
        typer.Option(
            min=0.0001,
            max=0.5,
            help="Share of a good part's area outlined at most, on average; what suits the images unless told.",
        ),
    ] = None,
    textures: Annotated[Path | None, typer.Option(help="Folder of further textures for forging, such as DTD.")] = None,
    roi: Roi = WHOLE_FRAME,
    tiles: TileGrid = ONE_TILE,
    tile_overlap: TileOverlap = WHOLE.overlap,
    foreground: Foreground = "none",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = DEFAULTS.device,
    threads: Annotated[int | None, typer.Option(min=1, max=256, help="Of PyTorch; one per core unless told.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1)] = DEFAULTS.seed,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a sentence.")] = False,
) -> None:
    """Train a model from images of good parts and write it to a new model directory, with a report.html.

    Ctrl-C ends the training early: the best model so far is calibrated and written. SIGTERM stops it at once.

    After either, a crash or a kill, --resume goes on from the last checkpoint. Under torchrun, several processes train
    together.
    """
    given: dict[str, Any] = {
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "schedule": schedule,
        "window_share": window_share,
        "checks": checks,
    }
    options = replace(
        PAPER if paper else DEFAULTS,
        architecture=chosen_architecture(configuration, backbone, image_size_px, patches_per_side, paper),
        weights_file=weights,
        patience=patience or None,
        precision=precision,
        false_reject_rate=false_reject_rate,
        outlined_share=outlined_share,
        texture_folder=textures,
        device=device,
        threads=threads,
        seed=seed,
        **{name: value for name, value in given.items() if value is not None},
    )
    budget = _budget(minutes, steps, epochs, paper)
    view, foreground_file = read_view(roi, tiles, tile_overlap, foreground)
    from line_inspector.commands.train_run import run

    run(
        good_dir,
        out,
        options,
        budget,
        view=view,
        foreground_file=foreground_file,
        checkpoint_minutes=checkpoint_minutes,
        resume=resume,
        json=json,
    )


def _budget(minutes: float | None, steps: int | None, epochs: int | None, paper: bool) -> Budget:
    if [minutes, steps, epochs].count(None) < 2:
        raise InputError("more than one given", "--minutes, --steps and --epochs", "Give one of them.")
    if steps is not None:
        return Budget(steps=steps)
    if epochs is not None or (paper and minutes is None):
        return Budget(epochs=epochs or PAPER_EPOCHS)
    minutes = DEFAULT_MINUTES if minutes is None else minutes
    if not 0.0 < minutes < 100_000:
        raise InputError(f"{minutes} is no time to train", "--minutes", "Give a number above 0.")
    return Budget(seconds=60.0 * minutes)


def chosen_architecture(
    configuration: str, backbone: str | None, image_size_px: int, patches_per_side: int, paper: bool = False
) -> Architecture:
    """The architecture with these options. Raises InputError where they do not go together."""
    if configuration not in CONFIGURATIONS:
        known = ", ".join(CONFIGURATIONS)
        raise InputError(f"no configuration {configuration!r}", "--configuration", f"Name one of {known}.")
    named = CONFIGURATIONS[configuration]
    if paper or image_size_px % named.context_stride:
        named = named.without_context()
    if paper:
        named = replace(named, prototypes=0, novelty=0)
    network = backbone or named.backbone
    try:
        return replace(named, backbone=network, image_size_px=image_size_px, patches_per_side=patches_per_side)
    except ValueError as e:
        raise InputError(str(e), "--image-size-px and --patches-per-side", "Use 256 and 8.") from e
