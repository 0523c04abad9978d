"""`line-inspector models`: what is in the registry, and putting a version into service."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Column, Table

from line_inspector.config import Line
from line_inspector.errors import InputError
from line_inspector.line_file import read_line_file

if TYPE_CHECKING:
    from line_inspector.training.registry import Registry

models = typer.Typer(no_args_is_help=True, help="List the models of a line, publish one, roll back to an earlier one.")

Place = Annotated[Path, typer.Argument(help="The line file, or the folder of the registry.")]
Recipe = Annotated[str | None, typer.Option(help="Product; the line file's own unless told.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands to the application."""
    app.add_typer(models, name="models")


@models.command("list")
def list_models(
    place: Place,
    recipe: Recipe = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")] = False,
) -> None:
    """List the versions of a recipe, oldest first; a star marks the one in service."""
    entries = _registry(place, _line(place), recipe).entries()
    if json:
        print(msgspec.json.format(msgspec.json.encode(entries), indent=2).decode())
        return
    table = Table("", Column("version", no_wrap=True), "threshold", Column("parent", no_wrap=True), "fault")
    for entry in entries:
        threshold = "" if entry.threshold is None else f"{entry.threshold:.4f}"
        mark = "*" if entry.in_service else ""
        table.add_row(mark, entry.version, threshold, entry.parent or "", entry.fault or "")
    Console().print(table)


@models.command()
def rollback(
    place: Place,
    recipe: Recipe = None,
    to: Annotated[str | None, typer.Option(help="Version to go back to; the one before unless told.")] = None,
) -> None:
    """Put an earlier version back into service; a running line swaps to it between two batches."""
    line = _line(place)
    print(f"in service: {_registry(place, line, recipe).rollback(to)}")
    _put_on_record(line)


@models.command()
def publish(
    place: Place,
    model_dir: Annotated[Path, typer.Argument(help="Folder of the model.")],
    recipe: Recipe = None,
) -> None:
    """Copy a model directory into the registry, after checking it, and put it into service."""
    if model_dir.is_file():
        remedy = "The line file comes first: line-inspector models publish LINE.yaml MODEL_DIR"
        raise InputError("is a file, not the folder of a model", str(model_dir), remedy)
    line = _line(place)
    print(f"in service: {_registry(place, line, recipe).publish(model_dir)}")
    _put_on_record(line)


@models.command()
def export(
    line_file: Annotated[Path, typer.Argument(help="The line file.", metavar="LINE.yaml")], recipe: Recipe = None
) -> None:
    """Make the OpenVINO export of the model in service, where one came into service without; used from the next start.

    Publishing a model makes its export, unless OpenVINO was installed or asked for later.
    """
    from line_inspector.inference.choice import line_exports
    from line_inspector.inference.export_cache import ExportCache
    from line_inspector.training.registry import Registry

    line = read_line_file(line_file)
    exports = line_exports(line, recipe or line.recipe)
    if exports is None:
        raise InputError(
            "this line runs on torch", str(line_file), "Install the extra openvino, or set inference.engine."
        )
    exports = ExportCache(exports.folder, required=True)
    print(f"exported: {Registry(line.registry_dir, recipe or line.recipe, exports=exports).export()}")


def _line(place: Path) -> Line | None:
    """The line of a line file; none for the folder of a registry."""
    return None if place.is_dir() else read_line_file(place)


def _registry(place: Path, line: Line | None, recipe: str | None) -> "Registry":
    """The registry of a recipe, from a line file or from a folder."""
    from line_inspector.training.audited_registry import audited_registry
    from line_inspector.training.registry import Registry

    if line is not None:
        return audited_registry(line, recipe)
    if recipe is None:
        raise InputError("no recipe named", str(place), "Name one with --recipe, or give the line file.")
    return Registry(place, recipe)


def _put_on_record(line: Line | None) -> None:
    """A folder without a line file has no audit table; its history.jsonl has the change."""
    from line_inspector.training.audited_registry import hand_over_changes

    if line is not None:
        hand_over_changes(line)
