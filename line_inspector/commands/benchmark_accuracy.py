"""`line-inspector benchmark-accuracy`: train and measure on whole data sets, and write the table of accuracies."""

import os
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from line_inspector.commands.train import DEFAULT_MINUTES, chosen_architecture
from line_inspector.commands.train_options import DEFAULTS, Weights
from line_inspector.commands.train_settings import own_flags, read_settings, set_option, with_options
from line_inspector.datasets.layouts import find_products
from line_inspector.datasets.product import Product
from line_inspector.errors import InputError
from line_inspector.model.configurations import CONFIGURATIONS, DEFAULT
from line_inspector.training.budget import Budget

if TYPE_CHECKING:
    from line_inspector.training.accuracy import Benchmark, Measured
    from line_inspector.training.accuracy_page import Circumstances

EXIT_SOME_FAILED = 1
FLAGS = own_flags("image_size_px", "patches_per_side", "device", "threads", weights_file="--weights", seed="--seeds")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("benchmark-accuracy")(benchmark_accuracy)


def benchmark_accuracy(
    roots: Annotated[list[Path], typer.Argument(help="Folders of data sets, or of single products.")],
    minutes: Annotated[float | None, typer.Option(help="Time of each training; 10 unless told.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of each training instead of minutes.")] = None,
    seeds: Annotated[str, typer.Option(help="Each seed trains its own model.")] = "0",
    products: Annotated[str | None, typer.Option(help="Only these, with commas between; all unless told.")] = None,
    work: Annotated[
        Path, typer.Option(help="Keeps every model: run again, it goes on where it was interrupted.")
    ] = Path("run/benchmark-accuracy"),
    out: Annotated[Path, typer.Option(help="The page to write; it replaces one that is there.")] = Path("accuracy.md"),
    ablations: Annotated[
        bool, typer.Option("--ablations", help="Also train without each part of the method, for comparison.")
    ] = False,
    configuration: Annotated[str, typer.Option(help=f"One of {', '.join(CONFIGURATIONS)}.")] = DEFAULT,
    weights: Weights = None,
    image_size_px: Annotated[int, typer.Option(min=32, max=2048, help="Side to which every image is brought.")] = (
        DEFAULTS.architecture.image_size_px
    ),
    patches_per_side: Annotated[
        int, typer.Option(min=1, help="k: the student sees k x k patches.")
    ] = DEFAULTS.architecture.patches_per_side,
    settings: Annotated[list[str] | None, set_option(FLAGS)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = DEFAULTS.device,
    threads: Annotated[int | None, typer.Option(min=1, max=256, help="Of PyTorch; one per core unless told.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Also print one JSON document.")] = False,
) -> None:
    """Train on the good images of every product under the roots, evaluate, and write a page with the accuracies.

    A product that fails is named in the page and on standard error, and ends the command with exit code 1.
    """
    from line_inspector.training.ablations import ablations as variants_without_parts
    from line_inspector.training.accuracy import Benchmark
    from line_inspector.training.model_building import build_model

    of_architecture, of_training = read_settings(settings or [], FLAGS)
    options = with_options(
        DEFAULTS,
        architecture=chosen_architecture(configuration, None, image_size_px, patches_per_side, changes=of_architecture),
        weights_file=weights,
        device=device,
        threads=threads,
        **of_training,
    )
    benchmark = Benchmark(
        products=_chosen(find_products(roots), products),
        variants=variants_without_parts(options) if ablations else {configuration: options},
        seeds=_seeds(seeds),
        budget=_budget(minutes, steps),
        work_dir=work,
    )
    if not out.parent.is_dir():
        raise InputError("no such folder for the page", str(out.parent), "Name a file in another folder with --out.")
    if weights is not None:  # wrong ones would fail every product
        build_model(options, parent=None)
    _measure_all(benchmark, out, f"{steps} steps" if steps else f"{minutes or DEFAULT_MINUTES:g} minutes", json)


def _measure_all(benchmark: "Benchmark", out: Path, budget: str, json: bool) -> None:
    from line_inspector.training.accuracy import Failed, run
    from line_inspector.training.accuracy_page import as_json, as_page
    from line_inspector.training.progress import show_progress

    circumstances = _circumstances(benchmark, budget)
    outcomes: list[Measured | Failed] = []
    with show_progress() as on_progress:
        for outcome in run(benchmark, partial(print, file=sys.stderr, flush=True), on_progress):
            outcomes.append(outcome)
            _write(out, as_page(outcomes, circumstances, finished=False))
    _write(out, as_page(outcomes, circumstances, finished=True))
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    for failure in failed:
        print(f"failed: {failure.product}: {failure.reason}", file=sys.stderr)
    if json:
        print(msgspec.json.format(msgspec.json.encode(as_json(outcomes, circumstances)), indent=2).decode())
    else:
        print(f"{out}: {len(outcomes) - len(failed)} models measured.")
    if failed:
        raise typer.Exit(EXIT_SOME_FAILED)


def _circumstances(benchmark: "Benchmark", budget: str) -> "Circumstances":
    import torch

    from line_inspector.training.accuracy_page import Circumstances
    from line_inspector.training.machine import describe_machine, versions

    threads = next(iter(benchmark.variants.values())).threads
    if threads is not None:
        torch.set_num_threads(threads)  # so that a kept model is measured with as many as it is trained with
    return Circumstances(
        command=shlex.join(["line-inspector", *sys.argv[1:]]),
        began_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(),
        versions=versions(),
        budget=budget,
        seeds=benchmark.seeds,
    )


def _chosen(found: list[Product], names: str | None) -> list[Product]:
    if names is None:
        return found
    wanted = [name.strip() for name in names.split(",")]
    unknown = sorted(set(wanted) - {product.name for product in found})
    if unknown:
        there = ", ".join(product.name for product in found)
        raise InputError(f"no product {', '.join(unknown)}", "--products", f"There are {there}.")
    return [product for product in found if product.name in wanted]


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(word) for word in text.split(",")]
    except ValueError as e:
        raise InputError(f"not a list of seeds: {text!r}", "--seeds", "Give whole numbers, such as 0,1,2.") from e
    if len(set(seeds)) < len(seeds) or not all(0 <= seed < 2**63 for seed in seeds):
        raise InputError(f"not different seeds from 0 on: {text!r}", "--seeds", "Give such as 0,1,2.")
    return seeds


def _budget(minutes: float | None, steps: int | None) -> Callable[[], Budget]:
    if minutes is not None and steps is not None:
        raise InputError("both given", "--minutes and --steps", "Give one of them.")
    if steps is not None:
        return partial(Budget, steps=steps)
    minutes = DEFAULT_MINUTES if minutes is None else minutes
    if not 0.0 < minutes < 100_000:
        raise InputError(f"{minutes} is no time to train", "--minutes", "Give a number above 0.")
    return partial(Budget, seconds=60.0 * minutes)


def _write(out: Path, page: str) -> None:
    """Whole or not at all, so that a page that is being read is never a part of one."""
    part = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        part.write_text(page)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
