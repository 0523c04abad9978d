"""The worker on OpenVINO: its exports are made once, never trusted blindly, and swapped as any other model."""

import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from exported import ExportedModel

from line_inspector.config import Line
from line_inspector.errors import InputError
from line_inspector.inference.engine import Engine
from line_inspector.inference.export_cache import prune_exports
from line_inspector.inference.load import load_verified_engine, load_verified_openvino_engine
from line_inspector.inference.model_directory import read_golden
from line_inspector.inference.swap import ModelWatch
from line_inspector.line_file import parse_line
from line_inspector.training.registry import Registry
from stations.inference import prepare

PATIENCE_S = 120.0


def scores(engine: Engine, frames: list[np.ndarray]) -> list[float]:
    return [finding.score for finding in engine.infer(frames)]


def test_an_export_of_another_model_is_made_again_and_the_swap_brings_the_right_one(
    exported_model: ExportedModel,
    write_tiny_model: Callable[..., Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """v8 comes into service; in its place among the exports lies, sound in itself, the one of v7."""
    shutil.copytree(exported_model.model_dir, tmp_path / "v7")
    write_tiny_model(tmp_path / "v8", version="v8", seed=8)
    shutil.copytree(exported_model.export, tmp_path / "exports" / "v8")
    (tmp_path / "current").symlink_to("v7")

    def load(folder: Path) -> Engine:
        return load_verified_openvino_engine(folder, tmp_path / "exports", 1)

    with caplog.at_level(logging.WARNING):
        watch = ModelWatch(tmp_path / "current", tmp_path / "v7", load, period_s=0.02)
        (tmp_path / "next").symlink_to("v8")
        (tmp_path / "next").replace(tmp_path / "current")
        end_s = time.monotonic() + PATIENCE_S
        while (engine := watch.take()) is None and time.monotonic() < end_s:
            time.sleep(0.05)
        watch.close()
    assert engine is not None and engine.version == "v8"
    assert "export of another model" in caplog.text
    frames = [frame for frame, _ in read_golden(tmp_path / "v8")]
    expected = scores(load_verified_engine(tmp_path / "v8", "cpu"), frames)
    assert scores(engine, frames) == pytest.approx(expected, abs=1e-5)


def openvino_line(folder: Path) -> Line:
    """A line whose data are in `folder`."""
    return parse_line(
        {
            "line": "l",
            "recipe": "disc",
            "data_dir": str(folder),
            "belt": {"speed_mm_s": 250},
            "cameras": {"top": {"source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 300}},
            "inference": {"engine": "openvino"},
        },
        folder / "line.yaml",
    )


def test_the_station_runs_what_its_line_file_asks_for_and_keeps_the_exports_that_may_be_served(
    exported_model: ExportedModel, write_tiny_model: Callable[..., Path], tmp_path: Path
) -> None:
    line = openvino_line(tmp_path)
    registry = Registry(line.registry_dir, line.recipe)
    for version in ("v5", "v6"):
        registry.publish(write_tiny_model(tmp_path / version, version=version))
    registry.publish(exported_model.model_dir)
    shutil.copytree(exported_model.cache, line.exports_dir)
    for version in ("v5", "v6", "v7.1"):
        shutil.copytree(exported_model.export, line.exports_dir / version)
    (line.exports_dir / ".v7.1.123.partial").mkdir()
    export = line.exports_dir / "v7"
    before = {path: path.stat().st_mtime_ns for path in export.iterdir()}
    prepared = prepare(line)
    prepared.watch.close()
    assert prepared.engine is not None and prepared.engine.version == "v7"
    assert {path: path.stat().st_mtime_ns for path in export.iterdir()} == before  # read, not made again
    assert {path.name for path in line.exports_dir.iterdir()} == {"v6", "v7", ".v7.lock"}


def test_an_export_that_somebody_uses_is_not_removed(exported_model: ExportedModel, tmp_path: Path) -> None:
    cache = tmp_path / "exports"
    shutil.copytree(exported_model.cache, cache)
    shutil.copytree(exported_model.export, cache / "v4")
    (cache / ".v4.123.partial").mkdir()
    holding = "import fcntl, sys; lock = open(sys.argv[1], 'w'); fcntl.flock(lock, fcntl.LOCK_EX); print(); input()"
    command = [sys.executable, "-u", "-c", holding, str(cache / ".v4.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None and reader.stdout.readline()
        prune_exports(cache, {"v7"})
        assert {path.name for path in cache.iterdir()} == {"v4", "v7", ".v4.123.partial", ".v4.lock", ".v7.lock"}
        reader.kill()
    prune_exports(cache, {"v7"})
    assert {path.name for path in cache.iterdir()} == {"v7", ".v7.lock"}


def test_with_one_thread_the_caller_does_all_the_work(exported_model: ExportedModel) -> None:
    engine = load_verified_openvino_engine(exported_model.model_dir, exported_model.cache, threads=1)
    frames = [frame for frame, _ in read_golden(exported_model.model_dir)]
    whole_ns, own_ns = time.process_time_ns(), time.thread_time_ns()
    for _ in range(30):
        engine.infer(frames)
    whole_ns, own_ns = time.process_time_ns() - whole_ns, time.thread_time_ns() - own_ns
    assert own_ns > 0.95 * whole_ns


def test_without_openvino_one_line_says_what_to_install(
    exported_model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(InputError, match=r"pip install 'line-inspector\[openvino\]'"):
        load_verified_openvino_engine(exported_model.model_dir, exported_model.cache, threads=1)


def test_a_model_that_cannot_be_exported_is_refused_with_the_reason(
    exported_model: ExportedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child has no package openvino: a module of that name that fails stands in its way."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "openvino.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"), prepend=":")
    with pytest.raises(InputError, match="no OpenVINO export: .*not here") as refused:
        load_verified_openvino_engine(exported_model.model_dir, tmp_path / "exports", threads=1)
    assert "\n" not in str(refused.value)
