"""`line-inspector run`: every process of a line on one machine."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("run")(run)


def run(
    line_file: Annotated[Path, typer.Argument(help="the line file", metavar="LINE.yaml")],
    seconds: Annotated[float | None, typer.Option(help="stop after this time", min=0.1)] = None,
) -> None:
    """Starts all stations of a line, and the simulated world where the line file has one; restarts what dies.

    Ctrl-C stops them. On a plant, systemd starts the stations instead (see systemd/).
    """
    from line_inspector.commands.config_pictures import require_pictures_fit
    from line_inspector.line_file import read_line_file
    from line_inspector.runtime import logging_to_stderr
    from line_inspector.supervisor import Supervisor, stop_signals

    with stop_signals() as stop, logging_to_stderr("run"):
        line = read_line_file(line_file)
        require_pictures_fit(line)
        supervisor = Supervisor(line, line_file, with_world=line.simulation is not None)
        try:
            supervisor.tend_until(lambda: False, seconds or float("inf"), stop)
        finally:
            supervisor.stop()
