"""`line-inspector chaos`: hurts a line, and tells from the world's own record whether a bad part got through."""

import secrets
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from line_inspector.chaos.scratch import scratch_folder
from line_inspector.errors import InputError
from line_inspector.line_file import read_line_file

EXIT_INTERRUPTED = 128 + signal.SIGINT
LARGEST_SEED = 2**31 - 1
LONGEST_MIN = 1440


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("chaos")(chaos)


def chaos(
    line_file: Annotated[Path, typer.Argument(help="the line file", metavar="LINE.yaml")],
    minutes: Annotated[
        float, typer.Option(help="for how long faults are begun, 1440 at most; one is done however short")
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document and nothing else")] = False,
    fault: Annotated[list[str] | None, typer.Option(help="only this fault; may be given more than once")] = None,
    seed: Annotated[int | None, typer.Option(help="of the order and of the parts", min=0, max=LARGEST_SEED)] = None,
    evidence: Annotated[Path | None, typer.Option(help="keep record, ledger and log in this new folder")] = None,
) -> None:
    """Runs the line in a scratch folder, with gate and world in simulation, and does one fault after another to it.

    Nothing of the real line is touched. Without a model in service a small one is trained first, which takes about a
    minute. Exit code 0: no part was accepted uninspected or because of a fault, none is missing from the ledger, and
    the line served again after every fault.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    seed = secrets.randbelow(LARGEST_SEED) if seed is None else seed
    if not 0 < minutes <= LONGEST_MIN:  # nan is not either
        raise InputError("is no time", f"--minutes {minutes:g}", f"Give more than 0, and {LONGEST_MIN} at most")
    if evidence and evidence.exists():
        raise InputError("is there already", f"--evidence {evidence}", "Name a new folder")
    try:
        given = read_line_file(line_file)
        with scratch_folder(given.current_model_path.resolve()) as scratch:
            from line_inspector.chaos.catalogue import chosen  # not before: it brings threads, see scratch.py

            names = chosen(fault or [], given)
            from line_inspector.commands.chaos_show import (
                show,
            )  # takes seconds, which a misspelt name need not wait for

            code = show(given, scratch, names, minutes, seed, as_json, evidence)
    except KeyboardInterrupt:  # until the stations start; from then on, they are stopped in order
        code = None
    if code is None:
        print("Stopped before the first fault.", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED)
    raise typer.Exit(code)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
