"""`line-inspector demo`: what it refuses before it empties anything, its words, Ctrl-C, and a world that fails."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from demo_run import COMMAND, DEMO, copy_demo_line, processes_of

from line_inspector.commands import main
from line_inspector.commands.demo_folder import MARKER, claimed, empty
from line_inspector.commands.demo_line import read_demo_line, write_line_file
from line_inspector.commands.demo_words import in_words
from line_inspector.line_file import read_line_file
from line_inspector.simulation.summary import Percentiles, Summary
from line_inspector.station_lock import station_lock

NOTHING = Summary(0, 0, 0, {}, 0, 0, 0, 0, 0, 0, 0, Percentiles(None, None))
TRAINING_MINUTES = "1.5"  # where three of these tests share a busy machine, half a minute passes before the first step


@pytest.fixture
def line_file(tmp_path: Path) -> Path:
    """A copy of the demo's line; its data_dir is tmp_path/run/demo."""
    return copy_demo_line(tmp_path)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """What an earlier demo left."""
    folder = tmp_path / "run" / "demo"
    (folder / "run").mkdir(parents=True)
    for name in (MARKER, "line.yaml", "run/decision.lock", "run/capture.top.lock", "ledger.sqlite"):
        (folder / name).touch()
    return folder


@pytest.fixture
def images(tmp_path: Path, draw_frame: Callable[..., np.ndarray]) -> Path:
    """A small data set in MVTec AD layout, with a file that a file manager has left in it."""
    folder = tmp_path / "parts"
    for place, count in (("train/good", 10), ("test/good", 2), ("test/dent", 2)):
        (folder / place).mkdir(parents=True)
        for index in range(count):
            cv2.imwrite(str(folder / place / f"{index}.png"), draw_frame(index, 80, 96))
    (folder / "test" / ".DS_Store").touch()
    return folder


@pytest.fixture
def quick_demo(line_file: Path, images: Path) -> tuple[str, ...]:
    """The words for a demo that soon runs its line: on ten pictures, and on torch, which needs no export."""
    change(line_file, inference={"threads": 1, "engine": "torch"})
    return ("--line", str(line_file), "--images", str(images), "--minutes", TRAINING_MINUTES)


def change(line_file: Path, **changed: Any) -> None:
    document = yaml.safe_load(line_file.read_text())
    document.update(changed)
    line_file.write_text(yaml.safe_dump(document))


def refused(capsys: pytest.CaptureFixture[str], line_file: Path, *arguments: object) -> str:
    """The one line on standard error with which the demo refuses."""
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--headless", "--minutes", "0.1", "--line", str(line_file), *map(str, arguments)])
    shown = capsys.readouterr()
    assert ended.value.code == 2, shown.err
    assert shown.out == ""
    assert len(shown.err.strip().splitlines()) == 1, shown.err
    return shown.err


def test_a_folder_that_no_demo_made_is_not_touched(
    line_file: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data_dir / MARKER).unlink()
    before = sorted(data_dir.rglob("*"))
    assert "is not a folder that a demo made" in refused(capsys, line_file)
    assert sorted(data_dir.rglob("*")) == before


def test_a_line_file_in_its_own_data_dir_is_not_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / MARKER).touch()
    path = tmp_path / "line.yaml"
    path.write_text(DEMO.read_text())
    change(path, data_dir=".")
    assert "lies in data_dir, which the demo empties" in refused(capsys, path)
    assert path.exists()


def test_images_in_data_dir_are_not_deleted(
    line_file: Path, data_dir: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = images.rename(data_dir / "parts")
    assert "lies in data_dir, which the demo empties" in refused(capsys, line_file, "--images", inside)
    change(line_file, simulation={"images": str(inside)})
    assert "lies in data_dir, which the demo empties" in refused(capsys, line_file)
    assert (inside / "train" / "good" / "0.png").exists()


def test_a_data_dir_that_is_a_file(line_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "demo").write_text("mine")
    assert "data_dir is a file" in refused(capsys, line_file)


@pytest.mark.parametrize("station", ["capture.top", "decision", "demo"])
def test_a_running_line_and_a_second_demo_are_left_alone(
    line_file: Path, data_dir: Path, capsys: pytest.CaptureFixture[str], station: str
) -> None:
    with station_lock(data_dir / "run", station):
        assert f"station {station} is already running" in refused(capsys, line_file)
    assert (data_dir / "ledger.sqlite").exists()
    assert not list(data_dir.parent.glob("*.lock"))


def test_a_taken_port_is_told_before_anything_is_emptied(
    line_file: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        change(line_file, overlay={"port": taken.getsockname()[1]})
        assert "the port is in use" in refused(capsys, line_file)
    assert (data_dir / "ledger.sqlite").exists()


def test_rings_larger_than_the_shared_memory_are_told_before_anything_is_emptied(
    line_file: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = yaml.safe_load(line_file.read_text())["cameras"]["top"]
    change(line_file, cameras={"top": camera | {"max_width_px": 16384, "max_height_px": 16384, "max_rate_hz": 90}})
    assert "/dev/shm: the frame rings need" in refused(capsys, line_file)
    assert (data_dir / "ledger.sqlite").exists()


def test_a_data_dir_too_long_for_sockets(line_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(line_file, data_dir="x" * 100)
    assert "path is too long for a socket" in refused(capsys, line_file)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source": {"kind": "folder", "path": "parts"}}, "camera top is not simulated. Give the demo --images"),
        ({"trigger": {"kind": "rate", "rate_hz": 2}}, "no camera is triggered by the line"),
    ],
)
def test_a_line_that_cannot_be_simulated(
    line_file: Path, data_dir: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, Any], message: str
) -> None:
    camera = yaml.safe_load(line_file.read_text())["cameras"]["top"]
    change(line_file, cameras={"top": camera | changed}, simulation=None)
    assert message in refused(capsys, line_file)
    assert (data_dir / "ledger.sqlite").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda images: (images / "test").rename(images / "proof"), "holds no folder test"),
        (lambda images: (images / "test" / "good").rename(images / "good"), "no such folder"),
        (lambda images: (images / "test" / "dent").rename(images / "dent"), "data set has no defective images"),
        (lambda images: (images / "test" / "scratch").mkdir(), "folder holds no image"),
        (lambda images: (images / "test" / "dent" / "0.png").write_bytes(b"none"), "not an image that can be read"),
        (lambda images: (images / "train" / "good").rename(images / "bad"), "no such folder"),
        (lambda images: [(images / "train/good" / f"{n}.png").unlink() for n in range(5)], "only 5 good images"),
    ],
)
def test_a_data_set_that_lacks_something_is_told_before_anything_is_emptied(
    line_file: Path,
    data_dir: Path,
    images: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], object],
    message: str,
) -> None:
    damage(images)
    assert message in refused(capsys, line_file, "--images", images)
    assert (data_dir / "ledger.sqlite").exists()


def test_no_images_folder(line_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, line_file, "--images", tmp_path / "nowhere")
    assert message.startswith(f"error: {tmp_path / 'nowhere'}: no such folder. ")


def test_a_folder_without_what_the_belt_shows_is_named_as_it_was_typed(
    line_file: Path, images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(images.parent)
    (images / "test").rename(images / "proof")
    message = refused(capsys, line_file, "--images", images.name)
    assert message.startswith(f"error: {images.name}: holds no folder test. Put pictures of good parts into test/good")
    (images / "proof").rename(images / "test")
    (images / "train" / "good").rename(images / "train" / "fine")
    assert refused(capsys, line_file, "--images", images.name).startswith("error: parts/train/good: no such folder")


@pytest.mark.parametrize("simulation", [None, "missing"])
def test_a_line_without_simulation_gets_one(line_file: Path, simulation: str | None) -> None:
    document = yaml.safe_load(line_file.read_text())
    document["simulation"] = None
    if simulation == "missing":
        del document["simulation"]
    line_file.write_text(yaml.safe_dump(document))
    assert read_demo_line(line_file, None).simulation


def test_the_cameras_show_the_data_set_and_the_ledger_stays_in_the_demos_folder(
    line_file: Path, images: Path, tmp_path: Path
) -> None:
    camera = yaml.safe_load(line_file.read_text())["cameras"]["top"] | {"exact_size": True}
    change(line_file, cameras={"top": camera}, records={"ledger": str(tmp_path / "precious.sqlite")})
    cv2.imwrite(str(images / "test" / "dent" / "wide.png"), np.zeros((70, 200, 3), np.uint8))
    line = read_demo_line(line_file, images)
    (tmp_path / "run" / "demo").mkdir(parents=True)
    written = read_line_file(write_line_file(line))
    assert written == line
    shown = written.cameras["top"]
    assert (shown.source.kind, shown.max_width_px, shown.max_height_px, shown.channels) == ("folder", 200, 80, 3)
    assert not shown.exact_size
    assert written.simulation and written.simulation.images == images
    assert written.ledger_url == f"sqlite:///{tmp_path}/run/demo/ledger.sqlite"


def test_relative_paths_of_the_given_line_still_hold(line_file: Path, images: Path) -> None:
    change(line_file, simulation={"images": "../parts"})
    line = read_demo_line(line_file, None)
    assert line.simulation and line.simulation.images == images


def test_emptying_leaves_marker_and_locks(line_file: Path, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    (data_dir / "link").symlink_to(tmp_path / "elsewhere")
    (data_dir / "archive" / "deep").mkdir(parents=True)
    (data_dir / "run" / "triggers.top").touch()
    line = read_demo_line(line_file, None)
    with claimed(line):
        empty(line)
    left = {str(path.relative_to(data_dir)) for path in data_dir.rglob("*") if path.is_file()}
    assert left == {MARKER, "run/decision.lock", "run/capture.top.lock", "run/demo.lock"}
    assert (tmp_path / "elsewhere" / "kept").exists()


def test_words_leave_out_what_says_nothing(line_file: Path) -> None:
    line = read_line_file(line_file)
    words = in_words(NOTHING, line, line_file)
    assert "Why" not in words and "Defective" not in words and "ledger:" not in words and "median" not in words
    assert "0 = 0 accepted + 0 rejected" in words


def test_words_tell_what_was_caught_and_what_is_missing(line_file: Path) -> None:
    told = Summary(50, 30, 19, {"anomaly": 19}, 20, 30, 2, 1, 0, 0, 1, Percentiles(100.4, 200.6))
    words = in_words(told, read_line_file(line_file), line_file)
    assert "Why: anomaly 19." in words
    assert "Defective: 18 of 20 rejected." in words
    assert "Good: 29 of 30 accepted." in words
    assert "Parts missing from the ledger: 1 (must be 0)." in words
    assert "median 100 ms, 99 % within 201 ms" in words


@pytest.mark.parametrize(
    ("started", "typed"),
    [
        ("venv/bin/line-inspector", "venv/bin/line-inspector"),
        ("on-path/line-inspector", "line-inspector"),
        ("line_inspector/__main__.py", f"{sys.executable} -m line_inspector"),
    ],
)
def test_the_hint_at_the_end_can_be_typed_as_it_stands(
    line_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: str, typed: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "on-path"))
    script = tmp_path / started
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(script), "demo"])
    line = read_line_file(line_file)
    words = in_words(NOTHING, line, line.data_dir / "line.yaml")
    assert f"Look further: {typed} ledger report run/demo/line.yaml\n" in words
    assert "pictures in run/demo/archive, log in run/demo/line.log" in words


def interrupt(number: int, after: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the demo, and sends it the signal when it has said `after`."""
    words = [*COMMAND, *arguments]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        said = ""
        for text in running.stderr:
            said += text
            if after in text:
                os.kill(running.pid, number)
                break
        out, err = running.communicate(timeout=120)
    return subprocess.CompletedProcess(words, running.returncode, out, said + err)


def assert_stopped_early(done: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert done.returncode == 130, done.stderr
    assert done.stderr.strip().splitlines()[-1] == "Stopped before the first part."
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert not processes_of(folder)


@pytest.mark.parametrize(
    ("number", "after"),
    [(signal.SIGINT, "Rendering"), (signal.SIGINT, "Training"), (signal.SIGTERM, "training ")],
)
def test_a_signal_before_the_line_runs(line_file: Path, tmp_path: Path, number: int, after: str) -> None:
    assert_stopped_early(interrupt(number, after, "--line", str(line_file)), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_stations_start(quick_demo: tuple[str, ...], tmp_path: Path, number: int) -> None:
    assert_stopped_early(interrupt(number, "Starting the stations", *quick_demo), tmp_path)


@pytest.mark.slow
def test_ctrl_c_while_the_line_runs_still_sums_up(quick_demo: tuple[str, ...], tmp_path: Path) -> None:
    done = interrupt(signal.SIGINT, "rejected so far", *quick_demo, "--seconds", "300", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["triggers"] == told["accepted"] + told["rejected"] > 0
    assert told["ledger_gaps"] == told["uninspected_accepted"] == 0
    assert "Traceback" not in done.stderr
    assert not processes_of(tmp_path)


@pytest.mark.slow
def test_a_world_that_fails_is_quoted(line_file: Path, quick_demo: tuple[str, ...], tmp_path: Path) -> None:
    line = read_demo_line(line_file, None)
    blocker = (
        "import sys, time; from pathlib import Path; path = Path(sys.argv[1])\n"
        "while not path.parent.joinpath('line.yaml').exists(): time.sleep(0.01)\n"
        "path.mkdir()"  # a folder where the world wants to write its record
    )
    with subprocess.Popen([sys.executable, "-c", blocker, str(line.world_record_path)]) as blocking:
        try:
            words = [*COMMAND, *quick_demo, "--seconds", "5"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=180, check=False)
        finally:
            blocking.kill()
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: station world: refused its input")
    assert "cannot open the world's record (Is a directory)" in last
    assert "Traceback" not in done.stderr
    assert not processes_of(tmp_path)
