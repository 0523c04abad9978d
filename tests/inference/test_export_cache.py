"""A line's OpenVINO exports: made when a model is published, never while a line starts, and never trusted blindly."""

import errno
import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from exported import ExportedModel

from line_inspector.commands import main
from line_inspector.config import Line
from line_inspector.errors import InputError
from line_inspector.inference.choice import line_exports, load_chosen_engine
from line_inspector.inference.engine import Engine
from line_inspector.inference.export_cache import ExportCache
from line_inspector.inference.load import load_verified_engine, load_verified_openvino_engine
from line_inspector.inference.model_directory import read_golden
from line_inspector.line_file import read_line_file
from line_inspector.training.registry import Registry
from stations.inference import prepare

ON_TORCH = "model v7 runs on torch instead of OpenVINO: "


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """On one, torch is the choice in any case."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


def line_of(folder: Path, inference: str = "{}") -> Line:
    """A line whose data are in `folder`."""
    line_file = folder / "line.yaml"
    line_file.write_text(
        f"line: l\nrecipe: disc\ndata_dir: data\nbelt: {{speed_mm_s: 250}}\ninference: {inference}\n"
        "cameras: {top: {source: {kind: simulated}, trigger: {kind: line}, to_gate_mm: 300}}\n"
    )
    return read_line_file(line_file)


def in_service(line: Line, exported_model: ExportedModel) -> Path:
    """The model of the line's recipe, without and then with its export where that is copied in."""
    Registry(line.registry_dir, line.recipe).publish(exported_model.model_dir)
    return line.current_model_path.resolve()


def runs_on(engine: Engine, monkeypatch: pytest.MonkeyPatch, exported_model: ExportedModel) -> str:
    """Torch, unless it answers without one call of torch's own convolutions."""
    frame, _ = read_golden(exported_model.model_dir)[0]
    with monkeypatch.context() as patch:
        patch.setattr("torch.nn.Conv2d.forward", lambda *_: (_ for _ in ()).throw(RuntimeError("torch runs")))
        try:
            engine.infer([frame])
        except RuntimeError:
            return "torch"
    return "openvino"


def test_a_line_without_a_gpu_runs_a_published_model_on_openvino_and_says_so(
    exported_model: ExportedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    line = line_of(tmp_path)
    in_service(line, exported_model)
    shutil.copytree(exported_model.cache, line.exports_dir / "disc")
    with caplog.at_level(logging.INFO):
        prepared = prepare(line)
    assert prepared is not None and prepared.engine is not None and prepared.engine.version == "v7"
    prepared.watch.close()
    assert runs_on(prepared.engine, monkeypatch, exported_model) == "openvino"
    assert [each.getMessage().partition(",")[0] for each in caplog.records] == ["model v7 runs on OpenVINO"]


def changed(export: Path) -> None:
    with (export / "model.bin").open("r+b") as file:
        file.seek(1000)
        file.write(b"\x7f\x7f")


def of_another_model(export: Path, write_tiny_model: Callable[..., Path]) -> None:
    """The model in service is not the one that the export was made of, though it has its name."""
    model_dir = export.parents[2] / "models" / "disc" / "v7"
    shutil.rmtree(model_dir)
    write_tiny_model(model_dir, version="v7", seed=8)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("missing", "the model has no export. Make it: line-inspector models export LINE.yaml"),
        ("changed", "does not match its sha256"),
        ("of another model", "is the export of another model"),
        ("of another user", "Permission denied"),
        ("not installed", "pip install 'line-inspector[openvino]'"),
        ("wrong answers", "golden frame 0 scores"),
        ("no such instruction", "OpenVINO cannot run it (unknown kernel)"),
    ],
)
def test_without_a_sound_export_torch_runs_at_once_and_one_line_says_why(
    exported_model: ExportedModel,
    write_tiny_model: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    says: str,
) -> None:
    line = line_of(tmp_path)
    folder, export = in_service(line, exported_model), line.exports_dir / "disc" / "v7"
    if fault != "missing":
        shutil.copytree(exported_model.cache, line.exports_dir / "disc")
    if fault == "changed":
        changed(export)
    elif fault == "of another model":
        of_another_model(export, write_tiny_model)
    elif fault == "of another user":
        monkeypatch.setattr("line_inspector.inference.export_cache.read_export", denied)
    elif fault == "not installed":
        monkeypatch.setitem(sys.modules, "openvino", None)
    elif fault == "wrong answers":
        monkeypatch.setattr("line_inspector.inference.load.read_cached_forward", lambda *_: flat)
    elif fault == "no such instruction":
        monkeypatch.setattr("line_inspector.inference.load.read_cached_forward", lambda *_: refused)
    before = sorted(line.data_dir.rglob("*"))
    with caplog.at_level(logging.WARNING):
        engine = load_chosen_engine(line, folder)
    (warning,) = caplog.records
    assert warning.getMessage().startswith(ON_TORCH) and says in warning.getMessage()
    assert runs_on(engine, monkeypatch, exported_model) == "torch"
    assert sorted(line.data_dir.rglob("*")) == before  # nothing was exported

    named = line_of(tmp_path, "{engine: openvino}")
    with pytest.raises(
        InputError, match="openvino|export|golden|Permission|OpenVINO"
    ):  # who names it gets it, or nothing
        load_chosen_engine(named, folder)


def denied(*_: object) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


def refused(_pixels: np.ndarray) -> object:
    raise RuntimeError("unknown\n  kernel")


def flat(pixels: np.ndarray) -> object:
    """A way forward whose maps are half full everywhere."""
    import torch

    return torch.full((len(pixels), *pixels.shape[2:]), 0.9)


@pytest.mark.parametrize("engine", ["auto", "openvino", "torch"])
def test_a_model_that_is_not_there_is_not_said_to_run_on_torch_and_how_to_bring_one_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, engine: str
) -> None:
    line = line_of(tmp_path, f"{{engine: {engine}}}")
    with caplog.at_level(logging.WARNING), pytest.raises(InputError) as refused:
        load_chosen_engine(line, line.current_model_path)
    assert not caplog.records
    put = "Put one into service: line-inspector models publish LINE.yaml MODEL_DIR"
    assert str(refused.value) == f"{line.current_model_path}: no model is here. {put}"


def test_a_model_that_cannot_be_trusted_is_not_said_to_run_on_torch(
    exported_model: ExportedModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    line = line_of(tmp_path)
    folder = in_service(line, exported_model)
    (folder / "weights.safetensors").write_bytes(b"damaged")
    with caplog.at_level(logging.WARNING), pytest.raises(InputError, match="sha256"):
        load_chosen_engine(line, folder)
    assert not caplog.records


def test_who_names_torch_gets_torch(
    exported_model: ExportedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    line = line_of(tmp_path, "{engine: torch}")
    folder = in_service(line, exported_model)
    shutil.copytree(exported_model.cache, line.exports_dir / "disc")
    with caplog.at_level(logging.INFO):
        engine = load_chosen_engine(line, folder)
    assert runs_on(engine, monkeypatch, exported_model) == "torch" and not caplog.records
    assert line_exports(line, "disc") is None


def test_publishing_makes_the_export_and_a_rollback_proves_it_and_makes_what_is_broken_again(
    exported_model: ExportedModel, write_tiny_model: Callable[..., Path], tmp_path: Path
) -> None:
    line = line_of(tmp_path)
    exports = line_exports(line, line.recipe)
    assert exports is not None
    registry = Registry(line.registry_dir, line.recipe, exports=exports)
    shutil.copytree(exported_model.cache, exports.folder)
    for version in ("v5", "v7.1"):
        shutil.copytree(exported_model.export, exports.folder / version)  # sound, but of v7
    (exports.folder / ".v7.1.123.partial").mkdir()
    before = (exports.folder / "v7" / "manifest.json").stat().st_mtime_ns
    registry.publish(exported_model.model_dir)
    assert (exports.folder / "v7" / "manifest.json").stat().st_mtime_ns == before  # it was there
    assert {path.name for path in exports.folder.iterdir()} == {"v7", ".v7.lock"}
    registry.publish(write_tiny_model(tmp_path / "v8", version="v8", seed=8))  # the only one made here
    engine = load_verified_openvino_engine(line.current_model_path.resolve(), exports.folder, threads=1)
    frames = [frame for frame, _ in read_golden(tmp_path / "v8")]
    expected = [finding.score for finding in load_verified_engine(tmp_path / "v8", "cpu").infer(frames)]
    assert [finding.score for finding in engine.infer(frames)] == pytest.approx(expected, abs=1e-5)
    assert registry.rollback() == "v7"
    assert {path.name for path in exports.folder.iterdir()} == {"v7", ".v7.lock"}


def broken_openvino(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child that exports has no package openvino: a module of that name that fails stands in its way."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "openvino.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"), prepend=":")


def test_a_model_without_export_is_published_where_torch_may_run_it_and_only_there(
    exported_model: ExportedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken_openvino(tmp_path, monkeypatch)
    named = line_of(tmp_path, "{engine: openvino}")
    with pytest.raises(InputError, match="no OpenVINO export: .*not here") as refused:
        Registry(named.registry_dir, "disc", exports=line_exports(named, "disc")).publish(exported_model.model_dir)
    assert "\n" not in str(refused.value)
    assert not (named.registry_dir / "disc" / "v7").exists()
    line = line_of(tmp_path)
    Registry(line.registry_dir, "disc", exports=line_exports(line, "disc")).publish(exported_model.model_dir)
    assert "model v7 will run on torch instead of OpenVINO: " in caplog.text
    assert line.current_model_path.resolve().name == "v7"


def test_the_command_makes_what_is_missing(
    exported_model: ExportedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = line_of(tmp_path)
    in_service(line, exported_model)
    shutil.copytree(exported_model.cache, line.exports_dir / "disc")  # sound: it is proven and kept
    for code, out, error in [(0, "exported: v7\n", ""), (2, "", "not here")]:
        with pytest.raises(SystemExit) as ended:
            main(["models", "export", str(tmp_path / "line.yaml")])
        said = capsys.readouterr()
        assert (ended.value.code or 0, said.out) == (code, out) and error in said.err
        if code == 0:
            broken_openvino(tmp_path, monkeypatch)
            changed(line.exports_dir / "disc" / "v7")


def test_an_export_that_somebody_makes_is_not_removed(exported_model: ExportedModel, tmp_path: Path) -> None:
    cache = tmp_path / "exports"
    shutil.copytree(exported_model.cache, cache)
    shutil.copytree(exported_model.export, cache / "v4")
    (cache / ".v4.123.partial").mkdir()
    holding = "import fcntl, sys; lock = open(sys.argv[1], 'w'); fcntl.flock(lock, fcntl.LOCK_EX); print(); input()"
    command = [sys.executable, "-u", "-c", holding, str(cache / ".v4.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as maker:
        assert maker.stdout is not None and maker.stdout.readline()
        ExportCache(cache, required=False).prune({"v7"})
        assert {path.name for path in cache.iterdir()} == {"v4", "v7", ".v4.123.partial", ".v4.lock", ".v7.lock"}
        maker.kill()
    ExportCache(cache, required=False).prune({"v7"})
    assert {path.name for path in cache.iterdir()} == {"v7", ".v7.lock"}


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """As a station has it that is given one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_with_one_thread_the_caller_does_all_the_work(exported_model: ExportedModel, one_torch_thread: None) -> None:
    engine = load_verified_openvino_engine(exported_model.model_dir, exported_model.cache, threads=1)
    frames = [frame for frame, _ in read_golden(exported_model.model_dir)]
    whole_ns, own_ns = time.process_time_ns(), time.thread_time_ns()
    for _ in range(30):
        engine.infer(frames)
    whole_ns, own_ns = time.process_time_ns() - whole_ns, time.thread_time_ns() - own_ns
    assert own_ns > 0.95 * whole_ns
