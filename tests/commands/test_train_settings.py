"""`--set NAME=VALUE` of `train` and `benchmark-accuracy`, and the page that lists every option."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from line_inspector.cameras.dataset import write_dataset
from line_inspector.commands import benchmark_accuracy, build_app, main, train_options, train_run
from line_inspector.commands.train_settings import EVERY_OPTION
from line_inspector.model.architecture import Architecture
from line_inspector.model.configurations import CONFIGURATIONS
from line_inspector.training.accuracy import Benchmark
from line_inspector.training.options import PAPER, TrainingOptions

PAGE = Path(__file__).parents[2] / "docs" / "training.md"
FLAGS = {"train": train_options.FLAGS, "benchmark-accuracy": benchmark_accuracy.FLAGS}


def _asked(monkeypatch: pytest.MonkeyPatch, *words: str) -> TrainingOptions:
    asked: list[TrainingOptions] = []
    monkeypatch.setattr(train_run, "run", lambda _, out, options, budget, **more: asked.append(options))
    with pytest.raises(SystemExit) as ended:
        main(["train", "good", "--out", "m", *words])
    assert ended.value.code == 0
    return asked[0]


def _benchmark(monkeypatch: pytest.MonkeyPatch, root: Path, *words: str) -> Benchmark:
    asked: list[Benchmark] = []
    monkeypatch.setattr(benchmark_accuracy, "_measure_all", lambda benchmark, *more: asked.append(benchmark))
    with pytest.raises(SystemExit) as ended:
        main(["benchmark-accuracy", str(root), "--out", str(root / "page.md"), *words])
    assert ended.value.code == 0
    return asked[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "nut", good_train=1, good_test=1, per_defect=1, size_px=64, seed=0)
    return tmp_path


def _sets(**values: str) -> list[str]:
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


def test_values_are_read_by_the_kind_of_their_option(monkeypatch: pytest.MonkeyPatch) -> None:
    words = _sets(
        focal_gamma="1",
        stop_weight_gradient="true",
        on_product="false",
        distillation_reduction="sum",
        strides="4,8",
        prototypes="64",
        context_stride="16",
    )
    expected = replace(
        TrainingOptions(),
        architecture=Architecture(strides=(4, 8), prototypes=64, context_stride=16),
        focal_gamma=1.0,
        stop_weight_gradient=True,
        on_product=False,
        distillation_reduction="sum",
    )
    assert _asked(monkeypatch, *words) == expected


def test_it_counts_after_paper_and_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _asked(monkeypatch, "--paper") == PAPER
    paper = _asked(monkeypatch, "--paper", *_sets(turned_share="0", prototypes="8"))
    assert paper == replace(PAPER, turned_share=0.0, architecture=replace(PAPER.architecture, prototypes=8))
    wide = _asked(monkeypatch, "--configuration", "adps-wrn50", *_sets(sigma_px="4"))
    assert wide.architecture == replace(CONFIGURATIONS["adps-wrn50"], sigma_px=4.0)


def test_flags_and_settings_are_judged_together(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = ("--image-size-px", "96", "--patches-per-side", "12")  # too many patches for a stage of stride 16
    assert _asked(monkeypatch, *flags, *_sets(strides="4,8", whole_stages="1")).architecture.strides == (4, 8)


def test_in_a_benchmark_the_variants_are_derived_from_what_was_set(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    words = _sets(prototypes="0", focal_gamma="1", patience="2", learning_rate="0.01", false_reject_rate="none")
    variants = _benchmark(monkeypatch, root, "--ablations", *words).variants
    assert all((each.focal_gamma, each.patience, each.learning_rate) == (1.0, 2, 0.01) for each in variants.values())
    assert all(each.architecture.prototypes == 0 for each in variants.values())
    assert "without prototypes" not in variants  # it would be the whole method over again
    assert variants["without novelty"].architecture == Architecture(prototypes=0, novelty=0)


def test_a_benchmark_takes_a_file_of_weights_and_refuses_a_wrong_one_at_once(
    monkeypatch: pytest.MonkeyPatch, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = root / "wrong.safetensors"
    wrong.write_bytes(b"none")
    for words in (["--weights", str(wrong)], ["--weights", str(root / "nowhere")]):
        with pytest.raises(SystemExit) as ended:
            main(["benchmark-accuracy", str(root), "--out", str(root / "page.md"), *words])
        shown = capsys.readouterr().err
        assert (ended.value.code, shown.count("\n")) == (2, 1)
        assert "weights cannot be read" in shown and words[1] in shown
    assert not (root / "page.md").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["focal_gama=1"], "no option 'focal_gama'. Did you mean 'focal_gamma'?"),
        (["learning-rat=1"], "Did you mean --learning-rate?"),
        (["zzz=1"], "no option 'zzz'. docs/training.md, 'Every option'"),
        (["architecture=1"], "no option 'architecture'"),
        (["batch_size=0"], "--set batch_size=0: it has a flag of its own. Give --batch-size instead."),
        (["weights_file=a"], "Give --weights instead"),
        (["focal_gamma"], "Give NAME=VALUE"),
        (["focal_gamma=1", "focal_gamma=1"], "focal_gamma is there twice"),
        (["held_out_share=7"], "--set held_out_share=7: should be less than or equal to 0.5"),
        (["warm_up=nan"], "should be a finite number"),
        (["warm_up=inf"], "should be a finite number"),
        (["warm_up="], "should be a valid number"),
        (["warm_up=none"], "should be a valid number"),
        (["focal_gamma=0.5"], "it must be 0, or 1 and more"),
        (["on_product=perhaps"], "should be a valid boolean"),
        (["comparison=sum"], "should be 'weight-mask', 'difference' or 'concatenation'"),
        (["prototypes=2.5"], "should be a valid integer"),
        (["strides=4,,8"], "should be a valid integer"),
        (["strides=4,6"], "strides must be rising powers of two, got (4, 6)"),
        (["likeness=nan"], "architecture: likeness must lie in 0..100"),
        (["segmentation_widths=96"], "segmentation_widths must be 3 to 5 for strides (4, 8, 16, 32)"),
        (["warm_up=0\n1"], "should be a valid number"),
    ],
)
@pytest.mark.parametrize("command", FLAGS)
def test_what_cannot_be_ends_in_one_line_before_anything_is_read(
    command: str, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if command == "benchmark-accuracy":  # where these have no flag, they are settings like any other
        message = message.replace("--learning-rate", "'learning_rate'")
        message = "should be greater than or equal to 2" if words == ["batch_size=0"] else message
    arguments = [word for setting in words for word in ("--set", setting)]
    with pytest.raises(SystemExit) as ended:
        main([command, "nowhere", "--out", "nowhere/page.md", *arguments])
    shown = capsys.readouterr().err
    assert (ended.value.code, shown.count("\n")) == (2, 1)
    assert message in shown


@pytest.mark.parametrize("command", FLAGS)
def test_every_option_has_one_way_to_give_it_and_the_help_names_it(command: str) -> None:
    group = typer.main.get_command(build_app([command]))
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    params = {param.name: param for param in group.commands[command].params}  # type: ignore[attr-defined]
    otherwise = {"weights_file": "weights", "texture_folder": "textures", "seed": "seeds"}
    with_a_flag = {
        name: param.opts[0]
        for name in EVERY_OPTION
        for param in [params.get(name) or params.get(otherwise.get(name, ""))]
        if param is not None
    }
    assert with_a_flag == FLAGS[command]
    named = set(re.findall(r"\w+", params["settings"].help))
    assert {name for name in EVERY_OPTION if name in named} == EVERY_OPTION.keys() - with_a_flag.keys()


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def test_the_page_names_every_option_with_its_defaults_and_flag() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]*)` \| (.*?)\| (.*?)\| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    told = {name: (default, paper.strip(" `"), flag.strip(" `")) for name, default, paper, flag, _ in rows}
    usual = {**vars(TrainingOptions()), **vars(Architecture())}
    paper = {**vars(PAPER), **vars(PAPER.architecture)}
    expected = {
        name: (
            _written(usual[name]),
            _written(paper[name]) if paper[name] != usual[name] else "",
            train_options.FLAGS.get(name, ""),
        )
        for name in EVERY_OPTION
    }
    assert told == expected
    assert len(rows) == len(told)
