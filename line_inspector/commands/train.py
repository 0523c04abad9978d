"""`line-inspector train`: good images in, a model directory out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import typer

from line_inspector.commands import train_options as told
from line_inspector.commands.train_options import DEFAULTS
from line_inspector.commands.train_settings import SEE, read_settings, with_options
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
from line_inspector.training.options import PAPER, PAPER_EPOCHS

DEFAULT_MINUTES = 10.0


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(train)


def train(
    good_dir: told.GoodDir,
    out: told.Out,
    minutes: told.Minutes = None,
    steps: told.Steps = None,
    epochs: told.Epochs = None,
    paper: told.Paper = False,
    resume: told.Resume = False,
    checkpoint_minutes: told.CheckpointMinutes = 5.0,
    configuration: told.Configuration = DEFAULT,
    backbone: told.BackboneName = None,
    weights: told.Weights = None,
    image_size_px: told.ImageSizePx = DEFAULTS.architecture.image_size_px,
    patches_per_side: told.PatchesPerSide = DEFAULTS.architecture.patches_per_side,
    batch_size: told.BatchSize = None,
    learning_rate: told.LearningRate = None,
    schedule: told.Schedule = None,
    window_share: told.WindowShare = None,
    checks: told.Checks = None,
    patience: told.Patience = 0,
    precision: told.Precision = DEFAULTS.precision,
    false_reject_rate: told.FalseRejectRate = None,
    outlined_share: told.OutlinedShare = None,
    textures: told.Textures = None,
    settings: told.Settings = None,
    roi: Roi = WHOLE_FRAME,
    tiles: TileGrid = ONE_TILE,
    tile_overlap: TileOverlap = WHOLE.overlap,
    foreground: Foreground = "none",
    device: told.Device = DEFAULTS.device,
    threads: told.Threads = None,
    seed: told.Seed = DEFAULTS.seed,
    json: told.AsJson = False,
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
    of_architecture, of_training = read_settings(settings or [], told.FLAGS)
    options = with_options(
        PAPER if paper else DEFAULTS,
        architecture=chosen_architecture(
            configuration, backbone, image_size_px, patches_per_side, paper, changes=of_architecture
        ),
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
        **of_training,
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
    configuration: str,
    backbone: str | None,
    image_size_px: int,
    patches_per_side: int,
    paper: bool = False,
    *,
    changes: Mapping[str, Any] | None = None,
) -> Architecture:
    """The architecture with these options, and with the `changes` of --set, which count last.

    Raises InputError where they do not go together.
    """
    if configuration not in CONFIGURATIONS:
        known = ", ".join(CONFIGURATIONS)
        raise InputError(f"no configuration {configuration!r}", "--configuration", f"Name one of {known}.")
    named = CONFIGURATIONS[configuration]
    if paper or image_size_px % named.context_stride:
        named = named.without_context()
    if paper:
        named = replace(named, prototypes=0, novelty=0)
    told_by_flag = {"image_size_px": image_size_px, "patches_per_side": patches_per_side}
    named = replace(named, backbone=backbone or named.backbone)
    try:
        return replace(named, **{**told_by_flag, **(changes or {})})
    except ValueError as e:
        if changes:
            raise InputError(str(e), "architecture", f"Change it, or what it has to go with. {SEE}") from e
        raise InputError(str(e), "--image-size-px and --patches-per-side", "Use 256 and 8.") from e
