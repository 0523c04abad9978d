"""`line-inspector evaluate`: measure a model on the test set of a product, in any layout that datasets/ knows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from line_inspector.errors import InputError

if TYPE_CHECKING:
    from line_inspector.training.evaluate import Case, Evaluation, Scores


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(evaluate)


def evaluate(
    model_dir: Annotated[Path, typer.Argument(help="Folder of the model.")],
    dataset_dir: Annotated[
        Path, typer.Argument(help="Folder of one product: MVTec AD, MVTec AD 2, BTAD, VisA, KolektorSDD ...")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")] = False,
    sheet: Annotated[Path | None, typer.Option(help="Also write a PNG of the best and worst cases.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure a model on labelled images: image AUROC, pixel AUROC, AUPRO and pixel AP, all and per defect."""
    if sheet is not None and not sheet.parent.is_dir():
        raise InputError("no such folder for the picture sheet", str(sheet.parent), "Name a file in another folder.")
    progress = Console(stderr=True)
    cases, evaluation = _run(model_dir, dataset_dir, device, progress)
    if evaluation.overall.without_mask:
        progress.print(f"{evaluation.overall.without_mask} defective images have no usable mask: not in pixel metrics.")
    if sheet is not None:
        from line_inspector.training.sheet import write_sheet

        write_sheet(sheet, cases, evaluation.threshold)
        progress.print(f"Picture sheet: {sheet}")
    if json:
        print(msgspec.json.format(msgspec.json.encode(evaluation.as_json()), indent=2).decode())
    else:
        _print_table(evaluation)


def _run(model_dir: Path, dataset_dir: Path, device: str, console: Console) -> "tuple[list[Case], Evaluation]":
    from line_inspector.datasets.layouts import open_product
    from line_inspector.inference.load import load_verified_engine
    from line_inspector.training.evaluate import evaluate as sum_up
    from line_inspector.training.evaluate import inspect

    images = open_product(dataset_dir).test_images()
    engine = load_verified_engine(model_dir, device)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Inspecting", total=len(images))
        cases = list(inspect(engine, images, lambda: bar.advance(task)))
    return cases, sum_up(engine, cases)


def _print_table(evaluation: "Evaluation") -> None:
    table = Table("defect", "images", "image AUROC", "pixel AUROC", "AUPRO", "pixel AP")
    for name, scores in [*evaluation.per_defect.items(), ("all", evaluation.overall)]:
        table.add_row(name, str(scores.defective), *_cells(scores))
    console = Console()
    console.print(table)
    overall = evaluation.overall
    console.print(
        f"At the threshold {evaluation.threshold:.4f}: {evaluation.good_rejected} of "
        f"{overall.images - overall.defective} good images rejected, {evaluation.defective_accepted} of "
        f"{overall.defective} defective ones accepted. {evaluation.ms_per_image:.1f} ms per image (median, batch 1)."
    )


def _cells(scores: "Scores") -> list[str]:
    values = (scores.image_auroc, scores.pixel_auroc, scores.aupro, scores.pixel_ap)
    return ["-" if value is None else f"{value:.3f}" for value in values]
