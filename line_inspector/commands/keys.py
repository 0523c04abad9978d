"""`line-inspector keys`: CURVE keys for workers on other hosts."""

import os
from pathlib import Path
from typing import Annotated

import typer

from line_inspector.config.inference import LINE_KEY
from line_inspector.errors import InputError


def register(app: typer.Typer) -> None:
    """Adds `keys new`."""
    group = typer.Typer(help="Make keys for workers on other hosts.", no_args_is_help=True)
    group.callback()(_no_options)
    group.command("new")(new)
    app.add_typer(group, name="keys")


def new(
    worker: Annotated[list[str], typer.Option(help="Name of a worker in the line file; several times.")],
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder to write to.")] = "keys",
    replace: Annotated[bool, typer.Option("--replace", help="Replace the pairs of these workers.")] = False,
) -> None:
    """Make a key pair for the line and one for each worker, and say which file belongs on which host.

    A pair `line` that is there already is kept, so that another worker can be added later; for a new one, take a new
    folder.
    """
    import re

    from line_inspector.workers.keys import only_writer

    if not folder:
        raise InputError("is empty", "DIR", "Name the folder to write to")
    workers = list(dict.fromkeys(worker))
    for name in workers:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,31}", name) or name == LINE_KEY:
            raise InputError(f"not a name for a worker: {name!r}", "--worker", "Take its name in the line file")
    with only_writer(Path(folder)):
        _write(Path(folder), workers, replace=replace)


def _write(folder: Path, workers: list[str], *, replace: bool) -> None:
    from line_inspector.workers.keys import PUBLIC, SECRET, keep_key_pair, write_key_pair

    for name in workers:
        taken = [path for suffix in (PUBLIC, SECRET) if os.path.lexists(path := folder / f"{name}{suffix}")]
        if taken and not replace:
            raise InputError("exists already", str(taken[0]), "Name another worker, or say --replace")
    if (folder / f"{LINE_KEY}{SECRET}").exists():
        keep_key_pair(folder, LINE_KEY)
        print(f"kept {folder / LINE_KEY}{SECRET}")
    else:
        write_key_pair(folder, LINE_KEY)
    for name in workers:
        write_key_pair(folder, name, replace=replace)
    publics = ", ".join(f"{name}{PUBLIC}" for name in workers)
    print(f"the line's host needs, in {folder}: {LINE_KEY}{SECRET}, {publics}")
    for name in workers:
        print(f"the host of worker {name} needs: {name}{SECRET}, {LINE_KEY}{PUBLIC}")
        print(f"  move {name}{SECRET} there, and leave no copy of it here")


def _no_options() -> None:
    pass
