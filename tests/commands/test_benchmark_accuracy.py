"""`line-inspector benchmark-accuracy` on tiny rendered data sets: page, kept models, failures."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import safetensors.torch

from line_inspector.cameras.dataset import write_dataset
from line_inspector.commands import main
from line_inspector.datasets.layouts import find_products
from line_inspector.model.architecture import LITE0, Architecture
from line_inspector.training.accuracy import Benchmark, Failed, Measured, run
from line_inspector.training.backbone_weights import read_backbone_weights
from line_inspector.training.budget import Budget
from line_inspector.training.options import TrainingOptions

SMALL = ["--image-size-px", "64", "--patches-per-side", "2", "--steps", "3", "--threads", "1"]
OPTIONS = TrainingOptions(
    architecture=Architecture(image_size_px=64, patches_per_side=2, segmentation_widths=(8, 8, 8)),
    batch_size=2,
    checks=1,
)

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for seed, name in enumerate(("bolt", "nut")):
        write_dataset(tmp_path / "sets" / name, good_train=10, good_test=3, per_defect=1, size_px=64, seed=seed)
    return tmp_path / "sets"


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    def run_command(*arguments: object) -> tuple[int, str, str]:
        words = [*SMALL, "--work", tmp_path / "work", "--out", tmp_path / "accuracy.md", *arguments]
        monkeypatch.setattr("sys.argv", ["line-inspector", "benchmark-accuracy", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run_command


def rows(page: str, product: str) -> list[list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    return [row for row in cells if row[0] == product]


def weights(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("weights.safetensors")}


def test_every_product_and_defect_gets_its_row_and_models_are_kept(
    root: Path, command: Command, tmp_path: Path
) -> None:
    code, out, err = command(root, "--seeds", "0,1", "--json")
    assert code == 0, err
    document = json.loads(out)
    assert [(each["product"], each["seed"]) for each in document["measured"]] == [
        ("bolt", 0), ("bolt", 1), ("nut", 0), ("nut", 1),
    ]  # fmt: skip
    assert all(each["steps"] == 3 and each["good_images"] == 10 for each in document["measured"])
    page = (tmp_path / "accuracy.md").read_text()
    product, *defects = rows(page, "nut")
    measured = [each["evaluation"] for each in document["measured"] if each["product"] == "nut"]
    assert product[5].startswith(f"{sum(each['image_auroc'] for each in measured) / 2:.3f} ± ")
    assert {row[2] for row in defects} == set(measured[0]["per_defect"])
    assert rows(page, "**mean of 2**")
    assert "Unfinished" not in page
    for word in ("`line-inspector benchmark-accuracy", "seeds 0, 1", "3 steps", "torch", "cores", "- began: 20"):
        assert word in page
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    kept = weights(tmp_path / "work")
    assert len(kept) == 4
    shutil.rmtree(next(iter(kept)).parent)  # as an interruption before its end leaves it
    code, again, _ = command(root, "--seeds", "0,1", "--json")
    assert code == 0
    figures = ("image_auroc", "pixel_auroc", "aupro", "pixel_ap", "per_defect")
    for before, after in zip(document["measured"], json.loads(again)["measured"], strict=True):
        assert {key: before["evaluation"][key] for key in figures} == {key: after["evaluation"][key] for key in figures}
    changed = [path for path, time in weights(tmp_path / "work").items() if kept[path] != time]
    assert changed == [next(iter(kept))]


def test_a_product_that_fails_is_named_and_loses_nothing_else(root: Path, command: Command, tmp_path: Path) -> None:
    damaged = root / "bolt" / "test" / "good" / "001.png"
    damaged.write_bytes(damaged.read_bytes()[:100])
    code, _, err = command(root)
    assert code == 1
    assert any(line.startswith("failed: bolt") and "001.png" in line for line in err.splitlines())
    page = (tmp_path / "accuracy.md").read_text()
    assert rows(page, "nut") and not rows(page, "bolt")
    assert "- bolt, adps-lite0, seed 0: " in page


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--products", "bolt,screw"], "no product screw"),
        (["--seeds", "0,one"], "not a list of seeds"),
        (["--seeds", "1,1"], "not different seeds"),
        (["--minutes", "1"], "both given"),
        (["--out", "nowhere/accuracy.md"], "nowhere"),
        (["--image-size-px", "65"], "65"),
    ],
)
def test_bad_input_ends_in_one_line_before_any_work(
    root: Path, command: Command, tmp_path: Path, arguments: list[str], says: str
) -> None:
    code, out, err = command(root, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err
    assert not (tmp_path / "work").exists()


def test_variants_run_through_the_same_function_and_other_options_train_anew(root: Path, tmp_path: Path) -> None:
    products = [product for product in find_products([root]) if product.name == "nut"]
    variants = {"whole": replace(OPTIONS, window_share=1.0), "random": replace(OPTIONS, student_init="random")}
    benchmark = Benchmark(products, variants, [3], partial(Budget, steps=1), tmp_path / "work")
    outcomes = list(run(benchmark))
    assert [(each.variant, each.seed) for each in outcomes if isinstance(each, Measured)] == [
        ("whole", 3), ("random", 3),
    ]  # fmt: skip
    longer = replace(benchmark, variants={"whole": variants["whole"]}, budget=partial(Budget, steps=2))
    (outcome,) = run(longer)
    assert isinstance(outcome, Measured) and outcome.steps == 2
    assert len(weights(tmp_path / "work")) == 3


def test_other_weights_and_textures_under_the_same_name_train_anew(root: Path, tmp_path: Path) -> None:
    state = {name: value.contiguous() for name, value in read_backbone_weights(LITE0).state.items()}
    file, folder = tmp_path / "lite0.safetensors", tmp_path / "dtd"
    folder.mkdir()
    shutil.copy(root / "bolt" / "train" / "good" / "000.png", folder / "a.png")
    products = [product for product in find_products([root]) if product.name == "nut"]
    options = replace(OPTIONS, weights_file=file, texture_folder=folder)
    benchmark = Benchmark(products, {"a": options}, [0], partial(Budget, steps=1), tmp_path / "work")
    (failure,) = run(benchmark)
    assert isinstance(failure, Failed) and "lite0.safetensors" in failure.reason
    safetensors.torch.save_file(state, file)
    for models in (1, 1):
        assert all(isinstance(outcome, Measured) for outcome in run(benchmark))
        assert len(weights(tmp_path / "work")) == models
    safetensors.torch.save_file({name: value * 2 for name, value in state.items()}, file)
    assert all(isinstance(outcome, Measured) for outcome in run(benchmark))
    shutil.copy(root / "bolt" / "train" / "good" / "001.png", folder / "a.png")
    assert all(isinstance(outcome, Measured) for outcome in run(benchmark))
    assert len(weights(tmp_path / "work")) == 3


@pytest.mark.slow
def test_one_command_trains_the_papers_ablations(root: Path, command: Command, tmp_path: Path) -> None:
    code, _, err = command(root, "--products", "nut", "--ablations")
    assert code == 0, err
    variants = [row[2] for row in rows((tmp_path / "accuracy.md").read_text(), "nut") if row[1] == "MVTec AD"]
    for name in (
        "full",
        "the paper's weight mask",
        "raw difference",
        "concatenation",
        "without segmentation",
        "the paper's, k = 1",
    ):
        assert name in variants
    assert "k = 16" not in variants  # 64 px leave no room for that


def test_a_product_that_cannot_be_read_fails_once(root: Path, tmp_path: Path) -> None:
    shutil.rmtree(root / "nut" / "train")
    benchmark = Benchmark(find_products([root / "nut"]), {"a": OPTIONS}, [0, 1], partial(Budget, steps=1), tmp_path)
    (failure,) = run(benchmark)
    assert isinstance(failure, Failed)
    assert (failure.seed, "train/good" in failure.reason) == (None, True)


def test_the_page_lies_where_the_command_was_typed_unless_told() -> None:
    words = [sys.executable, "-m", "line_inspector", "benchmark-accuracy", "--help"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "[default: accuracy.md]" in shown
