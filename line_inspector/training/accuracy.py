"""Train and measure many models: every product, every variant of the training options, every seed."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import msgspec

from line_inspector.datasets.labelled_image import LabelledImage
from line_inspector.datasets.product import Product
from line_inspector.errors import InputError
from line_inspector.images import list_images
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.model_directory import read_manifest
from line_inspector.training.budget import Budget
from line_inspector.training.evaluate import Evaluation, evaluate, inspect
from line_inspector.training.good_frames import GoodFrames, read_good_frames
from line_inspector.training.model_training import train_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.progress import Progress

SHAPED_BY_OTHERS = ("reserve_s", "clock")  # fields of a Budget that say nothing about what was asked for


@dataclass(frozen=True)
class Measured:
    """One model. `training_s` and `steps` are those of its training, also where it was kept from an earlier run."""

    product: str
    layout: str
    variant: str
    seed: int
    good_images: int
    steps: int
    training_s: float
    evaluation: Evaluation


@dataclass(frozen=True)
class Failed:
    """A model that could not be made or measured, and why; `seed` is None where its product cannot be read at all."""

    product: str
    variant: str
    seed: int | None
    reason: str


@dataclass(frozen=True)
class Benchmark:
    """What is asked for. `variants` are training options by name, `budget` makes a fresh budget for each training.

    `work_dir` keeps every model. One that is there already, made from the same images, options, seed and budget, is
    measured and not trained again, so an interrupted benchmark goes on when it is run again.
    """

    products: Sequence[Product]
    variants: Mapping[str, TrainingOptions]
    seeds: Sequence[int]
    budget: Callable[[], Budget]
    work_dir: Path


def run(
    benchmark: Benchmark,
    announce: Callable[[str], None] = lambda words: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Iterator[Measured | Failed]:
    """Train and measure; yields as it goes on, product by product. What is wrong with one leaves the others alone."""
    for product in benchmark.products:
        for variant, options in benchmark.variants.items():
            try:
                images = product.test_images()
                good = read_good_frames(product.good_images(), options.architecture.image_size_px)
            except InputError as e:
                yield Failed(product.name, variant, None, str(e))
                continue
            for seed in benchmark.seeds:
                announce(f"{product.name}, {variant}, seed {seed}")
                chosen = replace(options, seed=seed)
                try:
                    folder = _folder(benchmark, product, variant, chosen, good)
                    if not folder.exists():
                        train_model(good, folder, chosen, benchmark.budget(), on_progress=on_progress)
                    yield _measure(product, variant, chosen, folder, images)
                except InputError as e:
                    yield Failed(product.name, variant, seed, str(e))


def _measure(
    product: Product, variant: str, options: TrainingOptions, folder: Path, images: Sequence[LabelledImage]
) -> Measured:
    engine = load_verified_engine(folder, options.device)
    evaluation = evaluate(engine, list(inspect(engine, images, lambda: None)))
    lineage = read_manifest(folder).lineage
    return Measured(
        product=product.name,
        layout=product.layout.name,
        variant=variant,
        seed=options.seed,
        good_images=lineage["images"],
        steps=lineage["steps"],
        training_s=lineage["seconds"],
        evaluation=evaluation,
    )


def _folder(benchmark: Benchmark, product: Product, variant: str, options: TrainingOptions, good: GoodFrames) -> Path:
    """Where the model is kept; its name holds a digest of all that it is made of, so that no other is taken for it."""
    budget = benchmark.budget()
    made_of = [
        asdict(options.architecture),
        options.as_record(),
        {field.name: getattr(budget, field.name) for field in fields(Budget) if _asked_for(field.name, field.init)},
        hashlib.sha256(good.pixels.tobytes()).hexdigest(),
        *map(_content, _files(options)),
    ]
    digest = hashlib.sha256(msgspec.json.encode(made_of)).hexdigest()[:12]
    return benchmark.work_dir / product.name / f"{variant}-seed{options.seed}-{digest}"


def _files(options: TrainingOptions) -> list[Path]:
    """Those that a model is made of besides the good images; their names alone would not tell one from another."""
    textures = [] if options.texture_folder is None else list_images(options.texture_folder, below=True)
    return [*([] if options.weights_file is None else [options.weights_file]), *textures]


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise InputError(f"cannot be read ({e.strerror})", str(path), "Name another one.") from e


def _asked_for(name: str, init: bool) -> bool:
    return init and name not in SHAPED_BY_OTHERS
