import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from line_inspector.commands import main, train_run
from line_inspector.inference.model_directory import read_model_directory
from line_inspector.training.budget import Budget
from line_inspector.training.options import PAPER, TrainingOptions

COMMAND = [sys.executable, "-c", "from line_inspector.commands import main; main()", "train"]
SMALL = ["--image-size-px", "64", "--patches-per-side", "2", "--batch-size", "4"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def _train(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [*COMMAND, *SMALL, *(str(word) for word in arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=300, env=ENVIRONMENT, check=False)


def test_json_is_one_document_on_standard_output_and_progress_is_on_standard_error(
    good_dir: Path, tmp_path: Path
) -> None:
    done = _train(good_dir, "--out", tmp_path / "m", "--steps", 3, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["lineage"]["steps"] == 3
    assert document["model_dir"] == str(tmp_path / "m")
    assert "step 3, loss" in done.stderr
    assert done.stderr.startswith("note: 12 good images promise that at most 20.00% of good parts are rejected, not 2%")
    assert document["calibration"]["false_reject_rate"] == 0.2
    assert document["threshold"] == 0.5
    read_model_directory(tmp_path / "m")


def test_ctrl_c_writes_the_best_so_far(good_dir: Path, tmp_path: Path) -> None:
    words = [*COMMAND, *SMALL, str(good_dir), "--out", str(tmp_path / "m"), "--minutes", "30"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "step" in line:
                break
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    assert "best model so far is being written" in err
    assert "steps; a part is rejected when it scores 0.5 or more: at most 20.00% of good parts" in out
    _, manifest = read_model_directory(tmp_path / "m")
    assert manifest.lineage["ended_by"] == "cancelled"


def test_a_terminal_gets_a_bar_with_loss_and_time_left(good_dir: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    words = [*COMMAND, *SMALL, str(good_dir), "--out", str(tmp_path / "m"), "--steps", "12"]
    environment = {**ENVIRONMENT, "TERM": "xterm", "COLUMNS": "160"}
    with subprocess.Popen(words, stderr=theirs, stdout=subprocess.DEVNULL, env=environment) as running:
        os.close(theirs)
        shown = _read_all(ours)
    assert running.returncode == 0
    assert "training" in shown
    assert "loss" in shown
    assert "s left" in shown


def _read_all(terminal: int) -> str:
    shown = b""
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s:
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
    os.close(terminal)
    return shown.decode(errors="replace")


def test_the_papers_values_are_one_flag_away_and_each_can_be_changed(
    good_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[TrainingOptions, Budget]] = []
    monkeypatch.setattr(train_run, "run", lambda _, out, options, budget, **more: asked.append((options, budget)))
    for more in ([], ["--batch-size", "16", "--epochs", "30"], ["--minutes", "2"]):
        with pytest.raises(SystemExit) as ended:
            main(["train", str(good_dir), "--out", str(tmp_path / "m"), "--paper", *more])
        assert ended.value.code == 0
    (paper, budget), (changed, shorter), (_, minutes) = asked
    assert (paper.batch_size, paper.learning_rate, paper.schedule, paper.window_share) == (32, 1e-4, "steps", 1.0)
    assert (paper.architecture.image_size_px, paper.architecture.patches_per_side) == (256, 8)
    assert paper.architecture == PAPER.architecture
    assert (PAPER.architecture.context_stride, PAPER.architecture.prototypes, PAPER.architecture.novelty) == (0, 0, 0)
    assert (paper.structural_share, paper.on_product) == (0.0, False)
    assert budget.epochs == 300
    assert (changed.batch_size, changed.learning_rate, shorter.epochs) == (16, 1e-4, 30)
    assert (minutes.epochs, minutes.seconds) == (None, 120.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "2", "--minutes", "1"], "Give one of them"),
        (["--steps", "2", "--epochs", "1"], "Give one of them"),
        (["--steps", "2", "--resume", "--checkpoint-minutes", "0"], "no checkpoint is kept"),
        (["--minutes", "0"], "no time to train"),
        (["--minutes", "nan"], "no time to train"),
        (["--steps", "2", "--backbone", "resnet_of_dreams"], "no backbone named"),
        (["--steps", "2", "--weights", "nowhere.safetensors"], "cannot be read"),
        (["--steps", "2", "--device", "tpu"], "no such device"),
        (["--steps", "2", "--patches-per-side", "3"], "multiple of patches_per_side"),
        (["--steps", "2", "--textures", "nowhere"], "no such folder"),
        (["--steps", "2", "--backbone", "swin_tiny_patch4_window7_224"], "backbone swin_tiny_patch4_window7_224"),
        (["--steps", "2", "--false-reject-rate", "0.02"], "12 good images cannot promise 2.00%: that takes 108"),
        (
            ["--steps", "2", "--false-reject-rate", "0.02"],
            "--false-reject-rate 0.2 (training.false_reject_rate in a",
        ),
        (["--steps", "2", "--outlined-share", "0.05"], "--outlined-share 0.2"),
        (["--steps", "1", "--batch-size", "2", "--out", "/proc/nowhere/m"], "cannot be written"),
    ],
)
def test_bad_input_ends_in_one_line_and_exit_code_2(
    good_dir: Path,
    tmp_path: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["line-inspector", "train", *SMALL, str(good_dir), "--out", str(tmp_path / "m"), *arguments]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr().err
    assert ended.value.code == 2
    assert message in shown
    assert len(shown.strip().splitlines()) == 1
    assert not (tmp_path / "m").exists()


def test_a_damaged_image_is_named(good_dir: Path, tmp_path: Path) -> None:
    (good_dir / "05.png").write_bytes((good_dir / "05.png").read_bytes()[:400])
    done = _train(good_dir, "--out", tmp_path / "m", "--steps", 1)
    assert done.returncode == 2
    assert "05.png" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_model_that_learned_nothing_is_written_with_a_warning(good_dir: Path, tmp_path: Path) -> None:
    done = _train(good_dir, "--out", tmp_path / "m", "--steps", 2, "--learning-rate", 1)
    assert done.returncode == 0 or "no longer a number" in done.stderr or "highest score" in done.stderr
    assert done.returncode == 2 or "warning: this model does not tell forged defects" in done.stderr
    assert done.returncode == 2 or "Do not use it" in (tmp_path / "m" / "report.html").read_text()
