"""`line-inspector retrain`: the nightly loop, from logged good frames to a published model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from line_inspector.config import Line
from line_inspector.errors import InputError
from line_inspector.line_file import read_line_file
from line_inspector.supervisor import stop_signals

if TYPE_CHECKING:
    from line_inspector.training.promotion import Trial
    from line_inspector.training.retrain import RetrainReport


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("retrain")(retrain)


def retrain(
    line_file: Annotated[Path, typer.Argument(help="the line file", metavar="LINE.yaml")],
    minutes: Annotated[float | None, typer.Option(help="training time; the line file's unless told", min=0.1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as one JSON document")] = False,
) -> None:
    """Train on logged good parts, compare with the model in service, and publish the new one only if it is not worse.

    A running line swaps to a published model between two batches. Exit code 0 either way: not to publish a worse model
    is a success.
    """
    line = read_line_file(line_file)
    report = _retrain(line, _logged_frames(line), minutes or line.training.minutes)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        print(_in_words(report))


def _logged_frames(line: Line) -> list[Path]:
    from line_inspector.records.reading import good_frames
    from line_inspector.training.registry import Registry

    versions = [entry.version for entry in Registry(line.registry_dir, line.recipe).entries()]
    frames = good_frames(line.ledger_url, line.archive_dir, versions, line.training.max_frames)
    if len(frames) < line.training.min_frames:
        raise InputError(
            f"only {len(frames)} images of accepted parts of recipe {line.recipe},"
            f" training.min_frames asks for {line.training.min_frames}",
            str(line.archive_dir),
            "Let the line run longer, or raise records.accept_sample",
        )
    return frames


def _retrain(line: Line, frames: list[Path], minutes: float) -> "RetrainReport":
    import torch

    from line_inspector.training.audited_registry import audited_registry, hand_over_changes
    from line_inspector.training.budget import Budget
    from line_inspector.training.options import TrainingOptions
    from line_inspector.training.progress import show_progress
    from line_inspector.training.retrain import retrain as run

    torch.set_num_threads(line.training.threads)
    options = TrainingOptions(false_reject_rate=line.training.false_reject_rate, device=line.inference.device)
    registry = audited_registry(line)
    with stop_signals() as stop, show_progress() as on_progress:
        budget = Budget(
            seconds=60 * minutes
        )  # stopped by a signal, or when the trainer station that started this is gone
        report = run(frames, registry, options, budget, on_progress=on_progress, cancelled=lambda: stop.is_set)
    hand_over_changes(line)
    return report


def _in_words(report: "RetrainReport") -> str:
    outcome = "published: it is in service" if report.promotion.promoted else "not published"
    lines = [
        f"Model {report.version}, trained on {report.frames_trained} logged good parts, is {outcome}.",
        *report.promotion.reasons,
    ]
    if report.candidate is None:
        return "\n".join(lines)
    lines += [
        f"On {report.frames_tried} held-out good parts and {report.candidate.forged} forged defects:",
        _trial(f"new {report.version}", report.candidate),
    ]
    if report.in_service:
        lines.append(_trial(f"before {report.in_service_version}", report.in_service))
    if report.chosen:
        lines.append(_trial("chosen by hand", report.chosen))
    if report.unreadable:
        lines.append(f"{len(report.unreadable)} logged images could not be read and were left out.")
    return "\n".join(lines)


def _trial(name: str, trial: "Trial") -> str:
    return (
        f"  {name}: image AUROC {trial.image_auroc:.3f}, pixel AP {trial.pixel_ap:.3f}, good rejected"
        f" {trial.good_rejected} of {trial.good}, forged accepted {trial.forged_accepted} of {trial.forged}"
    )
