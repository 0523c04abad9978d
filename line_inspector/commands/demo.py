"""`line-inspector demo`: trains on good parts, runs a whole simulated line on this machine, and tells how it went."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

DEMO_LINE = Path(__file__).parents[2] / "config" / "demo.yaml"
EXIT_INTERRUPTED = 128 + signal.SIGINT


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("demo")(demo)


def demo(
    seconds: Annotated[float, typer.Option(help="how long the line runs", min=1, max=86_400)] = 60,
    images: Annotated[
        Path | None, typer.Option(help="data set in MVTec AD layout: train/good, test/*; rendered parts when left out")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="do not open a browser")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary as one JSON document")] = False,
    minutes: Annotated[float, typer.Option(help="training time", min=0.1, max=1440)] = 2.5,
    line_file: Annotated[Path, typer.Option("--line", help="the line to run", metavar="LINE.yaml")] = DEMO_LINE,
) -> None:
    """Trains on good parts, runs a whole simulated line, shows the operators' page, and ends with a summary.

    Everything it makes lies in the line's data_dir, which it empties first if an earlier demo made it.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        from line_inspector.commands.demo_show import show

        began = show(line_file, images, minutes=minutes, seconds=seconds, headless=headless, as_json=as_json)
    except KeyboardInterrupt:  # until the stations start; from then on, they are stopped in order
        began = False
    if not began:
        print("Stopped before the first part.", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
