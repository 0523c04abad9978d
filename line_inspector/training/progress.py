"""The progress of a training, and how it is shown: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from line_inspector.training.selection import Mark

LINE_EVERY_S = 10.0


class Progress(NamedTuple):
    """Where a training stands. `share` 0..1 of its budget; `loss` smoothed; `mark` of the last look, if any."""

    step: int
    share: float
    loss: float
    seconds_left: float | None
    mark: Mark | None


@contextmanager
def show_progress(remark: str = "") -> Iterator[Callable[[Progress], None]]:
    """Yield the callback that `train_model` wants. `remark` is said first, once the training has really begun."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _after(remark, console, _plain_lines())
        return
    columns = TextColumn("training"), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}")
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("starting", total=1.0)
        yield _after(
            remark,
            bar.console,
            lambda progress: bar.update(task, completed=progress.share, description=describe(progress)),
        )


def _after(remark: str, console: Console, show: Callable[[Progress], None]) -> Callable[[Progress], None]:
    unsaid = [f"note: {remark}"] if remark else []

    def on_progress(progress: Progress) -> None:
        if unsaid:
            console.print(unsaid.pop(), soft_wrap=True, highlight=False)
        show(progress)

    return on_progress


def describe(progress: Progress) -> str:
    """Step, loss, time left and the last mark, in one line."""
    parts = [f"step {progress.step}", f"loss {progress.loss:.4f}"]
    if progress.seconds_left is not None:
        parts.append(f"{progress.seconds_left:.0f} s left")
    if progress.mark is not None:
        parts.append(f"forged AUROC {progress.mark.image_auroc:.3f}, AP {progress.mark.pixel_ap:.3f}")
    return ", ".join(parts)


def _plain_lines() -> Callable[[Progress], None]:
    last_s = time.monotonic() - LINE_EVERY_S

    def on_progress(progress: Progress) -> None:
        nonlocal last_s
        if progress.share >= 1.0 or time.monotonic() - last_s >= LINE_EVERY_S:
            last_s = time.monotonic()
            print(f"training {progress.share:4.0%}, {describe(progress)}", file=sys.stderr, flush=True)

    return on_progress
