"""What `train` does: reads the images, trains, alone or in a team of processes, and tells what came of it."""

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import msgspec
import typer

from line_inspector.commands.train_signals import STOPPED_BY_SIGTERM, training_signals
from line_inspector.errors import InputError
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.signed_directory import refuse_existing
from line_inspector.inference.view import View
from line_inspector.training.budget import Budget
from line_inspector.training.calibrate import Calibration
from line_inspector.training.checkpoint import CheckpointFolder
from line_inspector.training.fit import TrainingPausedError
from line_inspector.training.foreground import coverage_remark
from line_inspector.training.good_frames import GoodFrames, read_good_folder
from line_inspector.training.model_training import train_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.progress import Progress, show_progress
from line_inspector.training.promise import promise_for
from line_inspector.training.promotion import Margins
from line_inspector.training.team import Team, joined_team, will_lead
from line_inspector.training.training_lock import training_lock

WEAK = (
    "warning: this model does not tell forged defects from good parts (image AUROC {:.3f}, 0.5 is chance)."
    " Do not use it; train longer, or with a lower --learning-rate."
)


def run(
    good_dir: Path,
    out: Path,
    options: TrainingOptions,
    budget: Budget,
    *,
    view: View,
    foreground_file: Path | None,
    checkpoint_minutes: float,
    resume: bool,
    json: bool,
) -> None:
    """Train and print the outcome. Raises typer.Exit when paused by a signal, InputError for bad input."""
    refuse_existing(out)
    with _alone_at(out, checkpoint_minutes, resume) as checkpoint, joined_team(options.device) as team:
        if resume and checkpoint and not checkpoint.exists and team.leads:
            print(f"There is no checkpoint in {checkpoint.path}: training from the beginning.", file=sys.stderr)
        try:
            good = read_good_folder(good_dir, options.architecture.image_size_px, view, foreground_file)
            manifest = _train(good, out, options, budget, checkpoint, team)
        except TrainingPausedError as e:
            if team.leads:
                print(f"Paused after {e.step} steps. To go on, repeat the command with --resume.", file=sys.stderr)
            raise typer.Exit(STOPPED_BY_SIGTERM) from e
        if team.leads:
            _report(manifest, out, checkpoint, json)


@contextmanager
def _alone_at(out: Path, checkpoint_minutes: float, resume: bool) -> Iterator[CheckpointFolder | None]:
    """The checkpoint of `out`, which no other training has. The leader asks, before the others wait for it."""
    with training_lock(out) if will_lead() else nullcontext():
        yield _checkpoint(out, checkpoint_minutes, resume)


def _checkpoint(out: Path, minutes: float, resume: bool) -> CheckpointFolder | None:
    if not minutes:
        if resume:
            raise InputError("no checkpoint is kept", "--resume and --checkpoint-minutes 0", "Give one of them.")
        return None
    if not 0.0 < minutes < math.inf:
        raise InputError(f"{minutes} is no time", "--checkpoint-minutes", "Give a number above 0, or 0 for never.")
    checkpoint = CheckpointFolder(out, every_s=60.0 * minutes)
    if not resume and will_lead():
        checkpoint.require_none()
    return checkpoint


def _train(
    good: GoodFrames,
    out: Path,
    options: TrainingOptions,
    budget: Budget,
    checkpoint: CheckpointFolder | None,
    team: Team,
) -> Manifest:
    of_promise = promise_for(len(good), options.false_reject_rate, options.outlined_share).remark
    remark = ". ".join(filter(None, [coverage_remark(good.tiling.foreground), of_promise]))
    with (
        training_signals(with_checkpoint=checkpoint is not None, in_team=team.size > 1) as signals,
        show_progress(remark) if team.leads else nullcontext(_say_nothing) as on_progress,
    ):
        return train_model(
            good,
            out,
            options,
            budget,
            on_progress=on_progress,
            cancelled=signals.cancelled.is_set,
            paused=signals.paused.is_set,
            checkpoint=checkpoint,
            team=team,
        )


def _say_nothing(progress: Progress) -> None:
    pass


def _report(manifest: Manifest, out: Path, checkpoint: CheckpointFolder | None, json: bool) -> None:
    if checkpoint is not None and checkpoint.exists:
        print(f"To train on instead, remove {out} and repeat the command with --resume.", file=sys.stderr)
    if json:
        document = {"model_dir": str(out), **msgspec.to_builtins(manifest)}
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return
    sentence = Calibration(**manifest.calibration).sentence()
    if manifest.metrics["forged_image_auroc"] < Margins().least_image_auroc:
        print(WEAK.format(manifest.metrics["forged_image_auroc"]), file=sys.stderr)
    print(f"{out}: model {manifest.version} after {manifest.lineage['steps']} steps; {sentence}.")
