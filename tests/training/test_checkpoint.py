"""An interrupted training goes on as if nothing had been; with anything else than it began with, it is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_training import OPTIONS, weights_sha256

from line_inspector.errors import InputError
from line_inspector.training.budget import Budget
from line_inspector.training.checkpoint import CheckpointFolder
from line_inspector.training.fit import TrainingPausedError
from line_inspector.training.good_frames import GoodFrames
from line_inspector.training.model_training import train_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.progress import Progress


class Run:
    """One training in the folder `out`, stopped after `stop_after` steps, if ever."""

    def __init__(self, good: GoodFrames, out: Path, options: TrainingOptions = OPTIONS, steps: int = 8) -> None:
        self.good, self.out, self.options, self.steps = good, out, options, steps
        self.checkpoint = CheckpointFolder(out, every_s=3600)
        self.progress: list[Progress] = []

    def go(self, stop_after: int | None = None) -> str:
        """Train; returns the sha256 of the weights."""
        self.progress.clear()
        train_model(
            self.good,
            self.out,
            self.options,
            Budget(steps=self.steps),
            on_progress=self.progress.append,
            paused=lambda: bool(self.progress) and self.progress[-1].step == stop_after,
            checkpoint=self.checkpoint,
        )
        return weights_sha256(self.out)

    def pause(self, step: int) -> None:
        with pytest.raises(TrainingPausedError, match=f"paused after {step} steps"):
            self.go(stop_after=step)
        assert self.checkpoint.exists
        assert not self.out.exists()


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_paused_twice_ends_in_the_same_bytes_as_never(good: GoodFrames, tmp_path: Path, precision: str) -> None:
    options = replace(OPTIONS, precision=precision, freeze_student_norm=False)
    never = Run(good, tmp_path / "never", options)
    expected = never.go()
    run = Run(good, tmp_path / "m", options)
    run.pause(3)
    run.pause(6)
    assert [p.step for p in run.progress] == [4, 5, 6]
    assert run.go() == expected
    assert run.progress[-1].loss == never.progress[-1].loss
    assert not run.checkpoint.exists and not run.checkpoint.path.exists()


def test_other_options_are_refused_in_one_line(good: GoodFrames, tmp_path: Path) -> None:
    Run(good, tmp_path / "m").pause(1)
    architecture = replace(OPTIONS.architecture, sigma_px=2.0)
    other = {
        "batch_size 2, was 4": replace(OPTIONS, batch_size=2),
        "seed 7, was 0; schedule steps, was one-cycle": replace(OPTIONS, seed=7, schedule="steps"),
        "sigma_px 2.0, was 1.0": replace(OPTIONS, architecture=architecture),
    }
    for message, options in other.items():
        with pytest.raises(InputError) as refused:
            Run(good, tmp_path / "m", options).go()
        assert set(message.split("; ")) <= set(str(refused.value).split("differs: ")[1].split(". Give")[0].split("; "))
        assert "\n" not in str(refused.value)


def test_other_images_and_another_budget_are_refused(good: GoodFrames, tmp_path: Path) -> None:
    Run(good, tmp_path / "m").pause(1)
    pixels = good.pixels.copy()
    pixels[5, 7, 7] ^= 1
    with pytest.raises(InputError, match=r"images of good parts 12 \(\w+\), was 12 \(\w+\)"):
        Run(replace(good, pixels=pixels), tmp_path / "m").go()
    with pytest.raises(InputError, match="budget 9 steps, was 8 steps"):
        Run(good, tmp_path / "m", steps=9).go()
    Run(good, tmp_path / "m").go()


@pytest.mark.parametrize("damage", ["cut record", "changed record", "changed state", "no state"])
def test_a_damaged_checkpoint_is_refused(good: GoodFrames, tmp_path: Path, damage: str) -> None:
    run = Run(good, tmp_path / "m")
    run.pause(2)
    record, state = run.checkpoint.path / "checkpoint.json", run.checkpoint.path / "state-2.safetensors"
    assert sorted(run.checkpoint.path.iterdir()) == [record, state]
    if damage == "cut record":
        record.write_bytes(record.read_bytes()[:-10])
    elif damage == "changed record":
        record.write_bytes(record.read_bytes().replace(b'"step":2', b'"step":1'))
    elif damage == "changed state":
        content = bytearray(state.read_bytes())
        content[-1] ^= 1
        state.write_bytes(content)
    else:
        state.unlink()
    with pytest.raises(InputError, match=r"checkpoint\S*: (cannot be|does not match)") as refused:
        run.go()
    assert "\n" not in str(refused.value)
    assert not run.out.exists()


def test_a_checkpoint_that_cannot_be_written_stops_the_training(good: GoodFrames, tmp_path: Path) -> None:
    run = Run(good, tmp_path / "m")
    run.checkpoint.path.write_text("in the way")
    with pytest.raises(InputError, match="the checkpoint cannot be written"):
        run.go(stop_after=1)
