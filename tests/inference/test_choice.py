"""A GPU that is there and does not work: what a station does, on a computer whose driver cannot be reached."""

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from line_inspector.config import Line
from line_inspector.errors import InputError
from line_inspector.inference import choice
from line_inspector.inference.choice import EngineLoader
from line_inspector.inference.page_lock import page_lock
from line_inspector.line_file import read_line_file
from line_inspector.training.registry import Registry
from stations.inference import Prepared, prepare

SAYS = "runs on the CPU, the GPU cannot: Found no NVIDIA driver"


@pytest.fixture(autouse=True)
def broken_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("this GPU works")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)


@pytest.fixture
def in_service(tmp_path: Path, write_tiny_model: Callable[..., Path]) -> Callable[[str], tuple[Line, Path]]:
    """A line with these inference settings, and its model in service."""

    def build(inference: str) -> tuple[Line, Path]:
        (tmp_path / "line.yaml").write_text(
            f"line: l\nrecipe: disc\ndata_dir: data\nbelt: {{speed_mm_s: 250}}\ninference: {inference}\n"
            "cameras: {top: {source: {kind: simulated}, trigger: {kind: line}, to_gate_mm: 300}}\n"
        )
        line = read_line_file(tmp_path / "line.yaml")
        Registry(line.registry_dir, line.recipe).publish(write_tiny_model(tmp_path / "model"))
        return line, line.current_model_path.resolve()

    return build


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    with caplog.at_level(logging.WARNING):
        yield lambda: [record.getMessage() for record in caplog.records if "GPU" in record.getMessage()]


def test_the_cpu_runs_every_model_and_it_is_said_once(in_service: Callable, warnings: Callable) -> None:
    line, folder = in_service("{engine: torch, precision: fp16}")
    loader = EngineLoader(line)
    assert loader.load(folder).runtime == "torch"
    assert loader.load(folder).runtime == "torch"
    (warning,) = warnings()
    assert SAYS in warning


def test_a_gpu_that_is_asked_for_by_name_is_not_replaced(in_service: Callable) -> None:
    line, folder = in_service("{engine: torch, device: cuda}")
    with pytest.raises(RuntimeError, match="NVIDIA"):
        EngineLoader(line).load(folder)


def test_a_model_that_nothing_can_run_does_not_settle_it(in_service: Callable, warnings: Callable) -> None:
    line, folder = in_service("{}")
    loader = EngineLoader(line)
    weights = folder / "weights.safetensors"
    shutil.copy(weights, line.data_dir)
    weights.write_bytes(weights.read_bytes() + b"1")
    with pytest.raises(InputError):
        loader.load(folder)
    assert not warnings()
    shutil.copy(line.data_dir / weights.name, weights)
    assert loader.load(folder)
    assert len(warnings()) == 1


def test_a_later_model_that_the_gpu_cannot_run_stays_out(in_service: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    line, folder = in_service("{}")
    loader = EngineLoader(line)
    monkeypatch.setattr(choice, "load_chosen_engine", lambda *_: object())
    assert loader.load(folder)

    def full(*_: object) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(choice, "load_chosen_engine", full)
    with pytest.raises(RuntimeError, match="out of memory"):
        loader.load(folder)


def test_a_gpu_proves_that_it_has_room_for_the_largest_frame(
    in_service: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, folder = in_service("{}")
    load = Mock()
    monkeypatch.setattr(choice, "load_verified_engine", load)
    EngineLoader(line).load(folder)
    assert load.call_args.kwargs["frame_shape"] == (1024, 1024, 3)


def test_the_inference_station_starts(
    in_service: Callable, warnings: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.set_num_interop_threads", lambda _: None)  # torch takes it once in a process
    line, _ = in_service("{}")
    prepared = prepare(line)
    assert isinstance(prepared, Prepared) and prepared.engine
    prepared.watch.close()
    assert len(warnings()) == 1
    assert page_lock(line.inference.device) is None
