"""What only a GPU shows: streams, graphs and page-locked rings give the CPU's answers, whatever overlaps."""

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from line_inspector.inference.batch_buffers import bytes_of
from line_inspector.inference.build import build_engine
from line_inspector.inference.engine import Finding
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.model_directory import read_model_directory
from line_inspector.inference.page_lock import page_lock
from line_inspector.inference.pipelined_engine import PipelinedEngine
from line_inspector.ring import SHM, Geometry, RingReader, RingWriter

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")

CLOSE = 1e-3  # scores and maps in fp32, on frames of the model's size: cuDNN adds up in another order
RESIZED_CLOSE = 0.02  # where a grey level may differ, in a network of random weights


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory, write_tiny_model: Callable[..., Path]) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("cuda") / "model")


@pytest.fixture(scope="module")
def engine(model_dir: Path) -> PipelinedEngine:
    built = build_engine(*read_model_directory(model_dir), "cuda", max_batch_size=8)
    assert isinstance(built, PipelinedEngine)
    return built


@pytest.fixture
def ring() -> Iterator[RingWriter]:
    line = f"test-{uuid.uuid4().hex[:12]}"
    yield RingWriter(line, "top", Geometry(slots=16, slot_bytes=512 * 640))
    for path in SHM.glob(f"line-inspector.{line}.*"):
        path.unlink()


def test_scores_and_maps_are_the_cpus(
    engine: PipelinedEngine, model_dir: Path, draw_frame: Callable[..., np.ndarray]
) -> None:
    frames = [draw_frame(seed, 64, 64) for seed in range(11)]
    on_cpu = build_engine(*read_model_directory(model_dir), "cpu")
    for cpu, gpu in zip(on_cpu.infer(frames), engine.infer(frames), strict=True):
        assert gpu.score == pytest.approx(cpu.score, abs=CLOSE)
        assert np.abs(gpu.heat.astype(int) - cpu.heat.astype(int)).max() <= 1
    for cpu, gpu in zip(on_cpu.anomaly_maps(frames), engine.anomaly_maps(frames), strict=True):
        np.testing.assert_allclose(gpu, cpu, atol=CLOSE)


def test_frames_of_any_size_and_kind_are_the_cpus_nearly(
    engine: PipelinedEngine, model_dir: Path, draw_frame: Callable[..., np.ndarray]
) -> None:
    colour = np.dstack([draw_frame(seed, 300, 200) for seed in (5, 6, 7)])
    frames = [draw_frame(0, 512, 640), colour, draw_frame(1, 40, 50), draw_frame(2, 512, 640)]
    expected = build_engine(*read_model_directory(model_dir), "cpu").infer(frames)
    scores = [each.score for each in engine.infer(frames)]
    assert scores == pytest.approx([each.score for each in expected], abs=RESIZED_CLOSE)


def test_two_batches_on_their_way_never_mix(engine: PipelinedEngine, draw_frame: Callable[..., np.ndarray]) -> None:
    frames = [draw_frame(seed, 128 + 16 * (seed % 3), 160) for seed in range(12)]
    alone = [engine.infer([frame])[0].score for frame in frames]
    rng, out = np.random.default_rng(0), deque()
    for _ in range(300):
        taken = rng.integers(0, len(frames), int(rng.integers(1, 9))).tolist()
        out.append((taken, engine.submit([frames[index] for index in taken])))
        if len(out) == engine.depth:
            compare(engine, alone, *out.popleft())
    while out:
        compare(engine, alone, *out.popleft())


def compare(engine: PipelinedEngine, alone: list[float], taken: list[int], ticket: object) -> None:
    found = engine.collect(ticket)  # type: ignore[arg-type]
    assert [each.score for each in found] == pytest.approx([alone[index] for index in taken], abs=CLOSE)


def test_frames_are_copied_out_of_a_page_locked_ring(
    engine: PipelinedEngine,
    ring: RingWriter,
    draw_frame: Callable[..., np.ndarray],
    caplog: pytest.LogCaptureFixture,
) -> None:
    frames = [draw_frame(seed, 512, 640) for seed in range(6)]
    reader = RingReader(page_lock("cuda"))
    refs = [ring.write(frame, f"p{index}", 0, 0, 1) for index, frame in enumerate(frames)]
    views = [reader.view(ref, f"p{index}") for index, ref in enumerate(refs)]
    before = engine.infer(views)
    end = time.monotonic() + 20
    while not is_locked(views[0]) and time.monotonic() < end:
        time.sleep(0.01)
    if "CUDA error 801" in caplog.text:
        pytest.skip("this GPU's driver registers no memory that a process may only read")
    assert is_locked(views[0]), "cudaHostRegister did not take the ring"
    after = engine.infer(views)
    expected = [each.score for each in engine.infer(frames)]
    assert [each.score for each in before] == pytest.approx(expected, abs=CLOSE)
    assert [each.score for each in after] == pytest.approx(expected, abs=CLOSE)


def is_locked(frame: np.ndarray) -> bool:
    return bytes_of(frame).is_pinned()


def test_an_engine_is_built_while_another_one_serves(
    engine: PipelinedEngine, model_dir: Path, draw_frame: Callable[..., np.ndarray]
) -> None:
    """As at a hot swap: captures in one thread, replays in another, one pool of memory."""
    frames = [draw_frame(seed, 64, 64) for seed in range(8)]
    expected = [each.score for each in engine.infer(frames)]
    built: list = []
    thread = threading.Thread(target=lambda: built.append(load_verified_engine(model_dir, "cuda", max_batch_size=8)))
    thread.start()
    batches = 0
    while thread.is_alive() or batches < 50:
        found = engine.infer(frames)
        assert all(isinstance(each, Finding) for each in found)
        assert [each.score for each in found] == pytest.approx(expected, abs=CLOSE)
        batches += 1
    thread.join()
    assert [each.score for each in built[0].infer(frames)] == pytest.approx(expected, abs=CLOSE)
    assert [each.score for each in engine.infer(frames)] == pytest.approx(expected, abs=CLOSE)


def test_nothing_is_allocated_in_the_steady_state(
    engine: PipelinedEngine, draw_frame: Callable[..., np.ndarray]
) -> None:
    frames = [draw_frame(seed, 512, 640) for seed in range(8)]
    for _ in range(engine.depth):  # each set of buffers grows with its first large batch
        engine.infer(frames)
    before = torch.cuda.memory_reserved()
    for _ in range(50):
        engine.infer(frames)
    assert torch.cuda.memory_reserved() == before


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_is_close_or_is_not_used(
    model_dir: Path, precision: str, draw_frame: Callable[..., np.ndarray]
) -> None:
    frames = [draw_frame(seed, 64, 64) for seed in range(6)]
    expected = load_verified_engine(model_dir, "cuda").infer(frames)
    found = load_verified_engine(model_dir, "cuda", precision=precision).infer(frames)
    assert [each.score for each in found] == pytest.approx([each.score for each in expected], abs=0.02)
