"""`train` killed, stopped and shared out among processes: real processes, real signals."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_training import weights_sha256

from line_inspector.inference.model_directory import read_manifest, read_model_directory

MODULE = ["-m", "line_inspector", "train"]
SMALL = ["--image-size-px", "64", "--patches-per-side", "2", "--batch-size", "4", "--device", "cpu"]
OFTEN = ["--checkpoint-minutes", "0.001"]
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def _words(good_dir: Path, out: Path, *more: str) -> list[str]:
    return [*MODULE, *SMALL, str(good_dir), "--out", str(out), *more]


def _run(words: list[str], launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *launcher, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=ENVIRONMENT, check=False)


def _interrupt_after_a_checkpoint(
    words: list[str], out: Path, number: int, launcher: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    record = out.parent / f".{out.name}.checkpoint" / "checkpoint.json"
    before = record.read_bytes() if record.exists() else None
    command = [sys.executable, *launcher, *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as running:
        deadline_s = time.monotonic() + 120
        while not record.exists() or record.read_bytes() == before or b'"step":1,' in record.read_bytes():
            assert time.monotonic() < deadline_s and running.poll() is None
            time.sleep(0.01)
        running.send_signal(number)
        told = running.communicate(timeout=120)
    return subprocess.CompletedProcess(command, running.returncode, *told)


def test_killed_and_resumed_ends_in_the_same_bytes_as_never_killed(good_dir: Path, tmp_path: Path) -> None:
    never, out = tmp_path / "never", tmp_path / "m"
    budget = ["--steps", "30"]
    assert _run(_words(good_dir, never, *budget)).returncode == 0
    killed = _interrupt_after_a_checkpoint(_words(good_dir, out, *budget, *OFTEN), out, signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    forgotten = _run(_words(good_dir, out, *budget))
    assert forgotten.returncode == 2
    assert "Add --resume, or remove this folder" in forgotten.stderr
    other = _run(_words(good_dir, out, "--steps", "31", "--resume"))
    assert other.returncode == 2
    assert len(other.stderr.strip().splitlines()) == 1
    assert "this training differs: budget 31 steps, was 30 steps. Give" in other.stderr
    other = _run(_words(good_dir, out, *budget, "--resume", "--set", "focal_gamma=1"))
    assert "this training differs: focal_gamma 1.0, was 2.0. Give" in other.stderr
    resumed = _run(_words(good_dir, out, *budget, "--resume"))
    assert resumed.returncode == 0, resumed.stderr
    assert weights_sha256(out) == weights_sha256(never)
    assert read_manifest(out).lineage["steps"] == 30
    assert not list(tmp_path.glob(".*"))


def test_sigterm_leaves_a_checkpoint_and_no_model(good_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    words = _words(good_dir, out, "--minutes", "30")
    stopped = _interrupt_after_a_checkpoint([*words, *OFTEN], out, signal.SIGTERM)
    assert stopped.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in stopped.stderr
    steps = int(re.search(r"Paused after (\d+) steps.*--resume", stopped.stderr)[1])
    assert not out.exists()
    ended = _interrupt_after_a_checkpoint([*words, *OFTEN, "--resume"], out, signal.SIGINT)
    assert ended.returncode == 0, ended.stderr
    _, manifest = read_model_directory(out)
    assert manifest.lineage["steps"] >= steps
    assert manifest.lineage["ended_by"] == "cancelled"
    assert f"remove {out} and repeat the command with --resume" in ended.stderr


def test_resume_without_a_checkpoint_begins_and_says_so(good_dir: Path, tmp_path: Path) -> None:
    done = _run(_words(good_dir, tmp_path / "m", "--epochs", "1", "--resume"))
    assert done.returncode == 0
    assert "training from the beginning" in done.stderr
    assert read_manifest(tmp_path / "m").lineage["steps"] == 2  # 6 images of 12 are trained on, in batches of 4


def test_a_second_training_of_one_model_is_refused_while_the_first_one_lives(good_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    words = _words(good_dir, out, "--minutes", "30", *OFTEN)
    command = [sys.executable, *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT) as first:
        assert first.stderr is not None and first.stderr.readline()  # it has begun
        for again in (words, [*words, "--resume"], _words(good_dir, tmp_path / "good" / ".." / "m", "--steps", "1")):
            second = _run(again)
            assert second.returncode == 2
            assert "another training is about to write this model" in second.stderr
            assert len(second.stderr.strip().splitlines()) == 1
        first.kill()
    assert (tmp_path / ".m.lock").exists()
    shutil.rmtree(tmp_path / ".m.checkpoint")
    after = _run(_words(good_dir, out, "--steps", "1"))
    assert after.returncode == 0, after.stderr
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_two_processes_of_torchrun_learn_what_one_does(good_dir: Path, tmp_path: Path) -> None:
    """They share every batch; only the segmentation's batch norms see their own half of it, so it is not to the bit."""
    together = _run(_words(good_dir, tmp_path / "two", "--steps", "12"), TORCHRUN)
    assert together.returncode == 0, together.stderr
    alone = _run(_words(good_dir, tmp_path / "one", "--steps", "12"))
    assert together.stdout.count("after 12 steps") == 1
    losses = [float(re.search(r"step 12, loss ([\d.]+)", done.stderr)[1]) for done in (together, alone)]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    _, manifest = read_model_directory(tmp_path / "two")
    assert manifest.lineage["steps"] == 12
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_torchrun_told_to_stop_leaves_a_checkpoint_from_which_both_go_on(good_dir: Path, tmp_path: Path) -> None:
    never, out = tmp_path / "never", tmp_path / "m"
    assert _run(_words(good_dir, never, "--steps", "40"), TORCHRUN).returncode == 0
    words = _words(good_dir, out, "--steps", "40")
    stopped = _interrupt_after_a_checkpoint([*words, *OFTEN], out, signal.SIGTERM, TORCHRUN)
    assert stopped.returncode != 0
    assert stopped.stderr.count("To go on, repeat the command with --resume") == 1
    assert not out.exists()
    resumed = _run([*words, "--resume"], TORCHRUN)
    assert resumed.returncode == 0, resumed.stderr
    assert weights_sha256(out) == weights_sha256(never)
    assert not list(tmp_path.glob(".*"))
