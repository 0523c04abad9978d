"""`line-inspector bench`: how fast this machine is, hop by hop, and how many cameras it serves."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from line_inspector.errors import InputError

EXIT_INTERRUPTED = 128 + signal.SIGINT
SECONDS, QUICK_SECONDS = 120.0, 20.0


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("bench")(bench)


def bench(
    line_file: Annotated[
        Path | None, typer.Argument(help="the line file; a built-in line when left out", metavar="[LINE.yaml]")
    ] = None,
    seconds: Annotated[
        float, typer.Option(help="about how long it takes; more sees more cameras", min=10, max=3600)
    ] = (SECONDS),
    quick: Annotated[bool, typer.Option("--quick", help=f"as --seconds {QUICK_SECONDS:g}: one camera, rough")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document and nothing else")] = False,
    picture: Annotated[Path | None, typer.Option(help="write the latency of every hop into this PNG")] = None,
) -> None:
    """Measures engine, transport and the whole line, and what the hardware could do.

    Everything happens in a scratch folder with simulated cameras and gate; nothing of the real line is touched, but a
    line that runs on this machine meanwhile will be slowed down. The model in service is taken, or an untrained one of
    the same speed.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    _require_picture(picture)
    try:
        from line_inspector.commands.bench_show import show  # torch takes seconds, which a slip need not wait for

        show(line_file, QUICK_SECONDS if quick else seconds, as_json, picture)
    except KeyboardInterrupt:
        print("Stopped before everything was measured.", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _require_picture(picture: Path | None) -> None:
    if picture is None:
        return
    if picture.suffix.lower() != ".png":
        raise InputError("is no PNG by its name", f"--picture {picture}", "End it in .png")
    if not picture.parent.is_dir():
        raise InputError("its folder is missing", f"--picture {picture}", f"Make {picture.parent} first")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
