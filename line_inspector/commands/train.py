"""`line-inspector train`: good images in, a model directory out."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from line_inspector.errors import InputError
from line_inspector.model.architecture import Architecture
from line_inspector.training.budget import Budget
from line_inspector.training.options import TrainingOptions

if TYPE_CHECKING:
    from line_inspector.inference.manifest import Manifest

DEFAULT_MINUTES = 10.0
DEFAULTS = TrainingOptions()
WEAK = (
    "warning: this model does not tell forged defects from good parts (image AUROC {:.3f}, 0.5 is chance)."
    " Do not use it; train longer, or with a lower --learning-rate."
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(train)


def train(
    good_dir: Annotated[Path, typer.Argument(help="Folder of images of good parts.")],
    out: Annotated[Path, typer.Option(help="Model directory to write; must not exist.")],
    minutes: Annotated[float | None, typer.Option(help="Time from start to finished model; 10 unless told.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps instead of minutes; repeatable to the bit.")] = None,
    backbone: Annotated[str, typer.Option(help="Any timm model.")] = DEFAULTS.architecture.backbone,
    weights: Annotated[Path | None, typer.Option(help="The backbone's weights as .safetensors, no hub.")] = None,
    image_size_px: Annotated[int, typer.Option(min=32, max=2048, help="Side to which every image is brought.")] = (
        DEFAULTS.architecture.image_size_px
    ),
    patches_per_side: Annotated[
        int, typer.Option(min=1, help="k: the student sees k x k patches.")
    ] = DEFAULTS.architecture.patches_per_side,
    batch_size: Annotated[int, typer.Option(min=2)] = DEFAULTS.batch_size,
    learning_rate: Annotated[
        float, typer.Option(min=1e-7, max=1.0, help="Peak of the one-cycle schedule.")
    ] = DEFAULTS.learning_rate,
    false_reject_rate: Annotated[
        float, typer.Option(min=0.0001, max=0.5, help="Share of good parts that may be rejected.")
    ] = DEFAULTS.false_reject_rate,
    textures: Annotated[Path | None, typer.Option(help="Folder of further textures for forging, such as DTD.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = DEFAULTS.device,
    threads: Annotated[int | None, typer.Option(min=1, max=256, help="Of PyTorch; one per core unless told.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1)] = DEFAULTS.seed,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a sentence.")] = False,
) -> None:
    """Train a model from images of good parts and write it to a new model directory.

    Ctrl-C ends the training early: the best model so far is calibrated and written.
    """
    options = TrainingOptions(
        architecture=chosen_architecture(backbone, image_size_px, patches_per_side),
        weights_file=weights,
        batch_size=batch_size,
        learning_rate=learning_rate,
        false_reject_rate=false_reject_rate,
        texture_folder=textures,
        device=device,
        threads=threads,
        seed=seed,
    )
    manifest = _run(good_dir, out, options, _budget(minutes, steps))
    _report(manifest, out, json)


def _run(good_dir: Path, out: Path, options: TrainingOptions, budget: Budget) -> "Manifest":
    from line_inspector.inference.model_directory import refuse_existing
    from line_inspector.training.good_frames import read_good_folder
    from line_inspector.training.model_training import train_model
    from line_inspector.training.progress import show_progress

    refuse_existing(out)
    good = read_good_folder(good_dir, options.architecture.image_size_px)
    with _cancelled_by_ctrl_c() as cancelled, show_progress() as on_progress:
        return train_model(good, out, options, budget, on_progress=on_progress, cancelled=cancelled.is_set)


def _budget(minutes: float | None, steps: int | None) -> Budget:
    if minutes is not None and steps is not None:
        raise InputError("both given", "--minutes and --steps", "Give one of them.")
    if steps is not None:
        return Budget(steps=steps)
    minutes = DEFAULT_MINUTES if minutes is None else minutes
    if not 0.0 < minutes < 100_000:
        raise InputError(f"{minutes} is no time to train", "--minutes", "Give a number above 0.")
    return Budget(seconds=60.0 * minutes)


def chosen_architecture(backbone: str, image_size_px: int, patches_per_side: int) -> Architecture:
    """The architecture with these options. Raises InputError where they do not go together."""
    try:
        return Architecture(backbone=backbone, image_size_px=image_size_px, patches_per_side=patches_per_side)
    except ValueError as e:
        raise InputError(str(e), "--image-size-px and --patches-per-side", "Use 256 and 8.") from e


@contextmanager
def _cancelled_by_ctrl_c() -> Iterator[threading.Event]:
    """The first Ctrl-C sets the event; a second one interrupts at once, and nothing is written."""
    cancelled = threading.Event()

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        cancelled.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("Stopping: the best model so far is being written. Ctrl-C again to give up.", file=sys.stderr)

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield cancelled
    finally:
        signal.signal(signal.SIGINT, before)


def _report(manifest: "Manifest", out: Path, json: bool) -> None:
    from line_inspector.training.calibrate import Calibration
    from line_inspector.training.promotion import Margins

    if json:
        document = {"model_dir": str(out), **msgspec.to_builtins(manifest)}
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    else:
        sentence = Calibration(**manifest.calibration).sentence()
        if manifest.metrics["forged_image_auroc"] < Margins().least_image_auroc:
            print(WEAK.format(manifest.metrics["forged_image_auroc"]), file=sys.stderr)
        print(f"{out}: model {manifest.version} after {manifest.lineage['steps']} steps; {sentence}.")
