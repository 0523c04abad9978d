"""`line-inspector run` as a person starts it, on lines without a model: every part is rejected, and none is lost."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
import yaml
from pictures import save_picture

from line_inspector.line_file import read_line_file
from line_inspector.part_record import PartRecord
from line_inspector.records.reading import read_parts
from line_inspector.simulation.record import read_world_record

COMMAND = [sys.executable, "-m", "line_inspector", "run"]
SIMULATED = {"kind": "simulated", "width_px": 128, "height_px": 128}
SECONDS = "15"  # importing torch takes most of it on a busy machine
# What may stop a part on such a line. While two workers import torch on two cores, capture may come late to a trigger.
ALWAYS_POSSIBLE = {"engine_fault", "worker_down", "late_trigger"}


def write_line(folder: Path, source: dict[str, Any], trigger: dict[str, Any], **changed: Any) -> Path:
    camera = {
        "source": source,
        "trigger": trigger,
        "to_gate_mm": 250,
        "max_rate_hz": 5,
        "max_width_px": 128,
        "max_height_px": 128,
    }
    document = {
        "line": "t",
        "recipe": "disc",
        "data_dir": "d",
        "belt": {"speed_mm_s": 250},
        "cameras": {"top": camera},
        "overlay": {"port": 0},
        **changed,
    }
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [*COMMAND, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=180, check=False)


def ledger(line_file: Path) -> list[PartRecord]:
    return list(read_parts(read_line_file(line_file).ledger_url))


def processes_of(line_file: Path) -> list[int]:
    return [found.pid for found in psutil.process_iter(["cmdline"]) if str(line_file) in (found.info["cmdline"] or [])]


def test_a_camera_with_a_clock_of_its_own(tmp_path: Path, draw_frame: Callable[..., np.ndarray]) -> None:
    (tmp_path / "parts").mkdir()
    for index in range(3):
        cv2.imwrite(str(tmp_path / "parts" / f"{index}.png"), draw_frame(index))
    path = write_line(tmp_path, {"kind": "folder", "path": "parts"}, {"kind": "rate", "rate_hz": 5})
    done = run(path, "--seconds", SECONDS)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    parts = ledger(path)
    assert not any(part.accepted for part in parts)
    assert {part.reason for part in parts} >= {"engine_fault"}, done.stderr
    # This camera waits for nobody: a fault that it reports before decision listens ends as no_verdict.
    assert {part.reason for part in parts} <= ALWAYS_POSSIBLE | {"no_verdict"}, done.stderr
    numbers = sorted(int(part.part_id.rsplit("-", 1)[1]) for part in parts)
    assert numbers == list(range(1, len(parts) + 1))
    assert not processes_of(path)


def test_a_simulated_line_without_a_model_whose_page_finds_its_port_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        overlay = {"port": taken.getsockname()[1]}
        path = write_line(tmp_path, SIMULATED, {"kind": "line"}, simulation={"rate_hz": 5}, overlay=overlay)
        done = run(path, "--seconds", SECONDS)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    parts = {part.part_id: part for part in ledger(path)}
    fallen = {part.part_id: part for part in read_world_record(read_line_file(path).world_record_path)}
    assert fallen.keys() == parts.keys()
    assert {part.bin for part in fallen.values()} == {"reject"}
    assert {part.reason for part in parts.values()} >= {"engine_fault"}, done.stderr
    assert {part.reason for part in parts.values()} <= ALWAYS_POSSIBLE, done.stderr
    assert "Put one into service: line-inspector models publish LINE.yaml MODEL_DIR\n" in done.stderr
    assert "runs on torch" not in done.stderr
    assert "the port is in use" in done.stderr
    assert "station overlay ended with code 2: restarting" in done.stderr


def test_a_killed_supervisor_leaves_no_part_without_a_row_and_the_line_starts_again_at_once(tmp_path: Path) -> None:
    path = write_line(tmp_path, SIMULATED, {"kind": "line"}, simulation={"rate_hz": 5})
    line = read_line_file(path)
    with subprocess.Popen([*COMMAND, str(path)], stderr=subprocess.DEVNULL) as running:
        end_s = time.monotonic() + 60
        while not (line.world_record_path.exists() and list(read_world_record(line.world_record_path))):
            assert time.monotonic() < end_s
            time.sleep(0.05)
        running.kill()
    done = run(path, "--seconds", SECONDS)
    assert done.returncode == 0, done.stderr
    fallen = {part.part_id for part in read_world_record(line.world_record_path)}
    assert fallen == {part.part_id for part in ledger(path)}
    assert len({part_id.split("-")[1] for part_id in fallen}) == 2, "parts of both worlds"


def test_a_station_that_parts_need_and_that_refuses_its_input_ends_the_line(tmp_path: Path) -> None:
    path = write_line(tmp_path, {"kind": "video", "path": "nowhere.avi"}, {"kind": "rate", "rate_hz": 5})
    done = run(path)
    assert done.returncode == 2
    assert "nowhere.avi" in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: station capture.top: refused its input")
    assert "Traceback" not in done.stderr
    assert not processes_of(path)


def test_pictures_that_do_not_fit_the_camera_are_refused_before_anything_starts(tmp_path: Path) -> None:
    save_picture(tmp_path / "parts" / "0.png", np.zeros((129, 128), np.uint8))
    path = write_line(tmp_path, {"kind": "folder", "path": "parts"}, {"kind": "rate", "rate_hz": 5})
    done = run(path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "Set max_height_px: 129 of cameras.top" in done.stderr
    assert not read_line_file(path).data_dir.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_stations_start_ends_all_of_them_and_a_second_run_starts_none(
    tmp_path: Path, number: int
) -> None:
    path = write_line(tmp_path, SIMULATED, {"kind": "line"}, simulation={"rate_hz": 5})
    with subprocess.Popen([*COMMAND, str(path)], stderr=subprocess.PIPE, text=True) as running:
        end_s = time.monotonic() + 60
        while len(processes_of(path)) < 4:
            assert time.monotonic() < end_s
            time.sleep(0.05)
        second = run(path)
        os.kill(running.pid, number)
        _, err = running.communicate(timeout=60)
    remedy = "Stop it first, or give this one another data_dir"
    assert second.returncode == 2
    assert second.stderr == f"error: {read_line_file(path).data_dir}: a line is already running here. {remedy}\n"
    assert running.returncode == 0
    assert "Traceback" not in err and "already running" not in err
    assert not processes_of(path)
