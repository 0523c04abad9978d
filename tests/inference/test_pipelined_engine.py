"""The pipelined engine answers as the CPU's does, in every order in which a GPU may do its work."""

import uuid
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from cpu_lanes import InlineLanes, LateLanes
from hypothesis import given, settings
from hypothesis import strategies as st

from line_inspector.inference.build import build_engine
from line_inspector.inference.device_network import device_network
from line_inspector.inference.engine import Engine, Finding, FrameFault, Pipelined
from line_inspector.inference.inspection import batches_at_once, begin, finish
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.model_directory import read_manifest, read_model_directory
from line_inspector.inference.pipelined_engine import PipelinedEngine, batch_sizes
from line_inspector.inference.tiling import Tiling
from line_inspector.inference.view import View
from line_inspector.messages import HEAT_SIDE_PX, Fault, FrameReady, Verdict
from line_inspector.part_record import Reason
from line_inspector.ring import SHM, Geometry, RingReader, RingWriter, fingerprint

CPU = torch.device("cpu")
SCORE_CLOSE = 0.02  # a grey level more or less, in a network of random weights


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory, write_tiny_model: Callable[..., Path]) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("pipelined") / "model", version="v7")


@pytest.fixture(scope="module")
def manifest(model_dir: Path) -> Manifest:
    return read_manifest(model_dir)


@pytest.fixture(scope="module")
def engine(model_dir: Path) -> PipelinedEngine:
    model, manifest = read_model_directory(model_dir)
    return PipelinedEngine(device_network(model, CPU), manifest, InlineLanes(), max_batch_size=4)


def brightness(tiles: torch.Tensor) -> torch.Tensor:
    """A network that says of each pixel what it shows."""
    return tiles[:, 0].float() / 255


def seeing_engine(manifest: Manifest, lanes: InlineLanes, tiling: Tiling | None = None) -> PipelinedEngine:
    return PipelinedEngine(brightness, manifest, lanes, max_batch_size=4, tiling=tiling, frame_shape=(64, 64))


def grey(value: int, *shape: int) -> np.ndarray:
    return np.full(shape or (64, 64), value, np.uint8)


def test_it_is_an_engine_that_can_be_pipelined(engine: PipelinedEngine) -> None:
    as_engine: Engine = engine
    assert isinstance(as_engine, Pipelined)
    assert (batches_at_once(engine), engine.version, engine.max_batch_size) == (2, "v7", 4)
    assert all(engine.latency_ns(size) > 0 for size in (1, 2, 3, 4, 9))


def test_frames_of_the_models_size_score_as_on_the_cpu(
    engine: PipelinedEngine, model_dir: Path, draw_frame: Callable[..., np.ndarray]
) -> None:
    """No resize, so nothing but the network's own arithmetic may differ."""
    colour = np.dstack([draw_frame(seed, 64, 64) for seed in (5, 6, 7)])
    frames = [draw_frame(0, 64, 64), colour, draw_frame(2, 64, 64)]
    on_cpu = build_engine(*read_model_directory(model_dir), "cpu")
    for expected, found in zip(on_cpu.infer(frames), engine.infer(frames), strict=True):
        assert found.score == pytest.approx(expected.score, abs=1e-5)
        assert np.abs(found.heat.astype(int) - expected.heat.astype(int)).max() <= 1
    for expected, found in zip(on_cpu.anomaly_maps(frames), engine.anomaly_maps(frames), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_frames_of_any_size_score_nearly_so(
    engine: PipelinedEngine, model_dir: Path, draw_frame: Callable[..., np.ndarray]
) -> None:
    colour = np.dstack([draw_frame(seed, 90, 200) for seed in (5, 6, 7)])
    frames = [draw_frame(0), draw_frame(1, 200, 30), colour, draw_frame(2, 64, 64), draw_frame(3), colour[:, ::-2]]
    expected = build_engine(*read_model_directory(model_dir), "cpu").infer(frames)
    found = engine.infer(frames)
    maps = engine.anomaly_maps(frames)
    assert [finding.score for finding in found] == pytest.approx([f.score for f in expected], abs=SCORE_CLOSE)
    assert [finding.score for finding in found] == pytest.approx([each.max() for each in maps], abs=1e-5)
    assert len({finding.score for finding in found}) == len(frames)


def test_a_bad_frame_gets_a_named_fault_and_the_others_their_findings(engine: PipelinedEngine) -> None:
    good = engine.infer([grey(9), grey(200)])
    mixed = engine.infer([np.zeros((9, 9), np.uint16), grey(9), np.zeros((9, 9, 4), np.uint8), grey(200)])
    assert [type(answer) for answer in mixed] == [FrameFault, Finding, FrameFault, Finding]
    assert "uint16" in mixed[0].detail and "(9, 9, 4)" in mixed[2].detail
    assert [mixed[1].score, mixed[3].score] == pytest.approx([each.score for each in good], abs=1e-5)
    assert engine.infer([]) == []
    assert isinstance(engine.infer([np.zeros(3, np.uint8)])[0], FrameFault)
    assert isinstance(engine.anomaly_maps([np.zeros(3, np.uint8)])[0], FrameFault)


def test_a_map_with_one_pixel_that_is_no_number_gives_a_fault(manifest: Manifest) -> None:
    def one_bad(tiles: torch.Tensor) -> torch.Tensor:
        maps = brightness(tiles)
        maps[:, 5, 5] = torch.where(maps[:, 5, 5] > 0.5, torch.nan, maps[:, 5, 5])
        return maps

    broken = PipelinedEngine(one_bad, manifest, InlineLanes(), max_batch_size=2)
    assert [type(each) for each in broken.infer([grey(10), grey(200)])] == [Finding, FrameFault]
    assert broken.infer([grey(200)])[0].reason is Reason.BAD_SCORE
    assert broken.anomaly_maps([grey(200)])[0].reason is Reason.BAD_SCORE


def test_heat_keeps_its_brightest_pixel_and_lies_where_the_region_does(manifest: Manifest) -> None:
    view = View(x=0.5, y=0.25, width=0.5, height=0.5, rows=2, columns=2, overlap=0.5)
    tiling = Tiling(view, 64)
    engine = seeing_engine(manifest, InlineLanes(), tiling)
    frame = np.zeros((192, 192), np.uint8)
    frame[10, 10] = frame[90:93, 150:153] = 255
    (found,) = engine.infer([frame])
    assert found.score == pytest.approx(1.0, abs=1e-3)
    row, column = np.unravel_index(found.heat.argmax(), found.heat.shape)
    assert (row, column) == (91 * HEAT_SIDE_PX // 192, 151 * HEAT_SIDE_PX // 192)
    assert found.heat[:15].max() == 0, "beside the region it does not look"
    (full,) = engine.anomaly_maps([frame])
    assert full.max() == pytest.approx(found.score)
    (region,) = engine.region_maps([frame[48:144, 96:]])
    assert region.max() == pytest.approx(found.score)


def test_a_foreground_of_which_tiles_are_left_out_counts_here_too(manifest: Manifest) -> None:
    foreground = np.zeros((64, 64 + 32), np.bool_)
    foreground[:, :20] = True
    tiling = Tiling(View(columns=2, overlap=0.5, foreground="file"), 64, foreground)
    assert tiling.count == 1
    engine = seeing_engine(manifest, InlineLanes(), tiling)
    frame = np.zeros((64, 96), np.uint8)
    frame[30, 50] = 255
    assert engine.infer([frame])[0].score < 0.01
    frame[30, 10] = 255
    assert engine.infer([frame])[0].score > 0.99


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.3, 0.8]), st.booleans())
def test_no_batch_gets_anothers_pixels_or_answers(
    manifest: Manifest, seed: int, eager: float, page_locked: bool
) -> None:
    """Batches of different sizes and shapes, two on their way: whatever is done late, every frame gets its own score.

    With one mark too few, or one buffer for two batches, this fails.
    """
    engine = seeing_engine(manifest, LateLanes(seed, eager, page_locked))
    rng = np.random.default_rng(seed)
    shapes = [(64, 64), (80, 70), (128, 128, 3), (64, 64, 3)]
    values = rng.integers(1, 256, 30).tolist()
    out: deque = deque()
    answered = []
    while values or out:
        if values and len(out) < engine.depth:
            taken = [values.pop() for _ in range(min(len(values), int(rng.integers(1, 5))))]
            frames = [grey(value, *shapes[int(rng.integers(len(shapes)))]) for value in taken]
            out.append((taken, engine.submit(frames)))
        else:
            taken, ticket = out.popleft()
            found = engine.collect(ticket)
            answered += taken
            scores = [manifest.scale.of(value / 255) for value in taken]
            assert [each.score for each in found] == pytest.approx(scores, abs=1e-6)
            assert [int(each.heat.min()) for each in found] == pytest.approx([255 * s for s in scores], abs=0.51)
    assert len(answered) == 30


def test_no_more_batches_or_frames_than_there_are_buffers_for(engine: PipelinedEngine) -> None:
    tickets = [engine.submit([grey(1)]), engine.submit([grey(2)])]
    with pytest.raises(ValueError, match="2 batches on their way"):
        engine.submit([grey(3)])
    first, second = [engine.collect(ticket)[0].score for ticket in tickets]
    assert first != second
    with pytest.raises(ValueError, match="5 frames"):
        engine.submit([grey(1)] * 5)
    assert len(engine.infer([grey(1)] * 9)) == 9


def test_batches_are_computed_in_a_few_sizes_prepared_at_start(manifest: Manifest) -> None:
    assert batch_sizes(16) == [1, 2, 4, 8, 16]
    assert batch_sizes(6) == [1, 2, 4, 6]
    assert batch_sizes(1) == [1]
    lanes = InlineLanes()
    engine = seeing_engine(manifest, lanes)
    assert lanes.programs == 3
    engine.infer([grey(1)] * 3)
    assert lanes.programs == 3
    assert engine.latency_ns(3) == engine.latency_ns(4), "three frames are computed as four"


@pytest.fixture
def writer() -> Iterator[RingWriter]:
    line = f"test-{uuid.uuid4().hex[:12]}"
    yield RingWriter(line, "top", Geometry(slots=2, slot_bytes=64 * 64))
    for path in SHM.glob(f"line-inspector.{line}.*"):
        path.unlink()


def written(writer: RingWriter, value: int) -> FrameReady:
    """A frame in the ring, and the message that says so."""
    slot = writer.write(grey(value), f"p{value}", 0, 0, 1)
    return FrameReady(part_id=f"p{value}", camera="top", slot=slot, captured_ns=1, deadline_ns=10**18)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("page_locked", [True, False])
def test_a_slot_that_is_reused_while_its_frame_is_copied_gives_no_verdict(
    manifest: Manifest, writer: RingWriter, seed: int, page_locked: bool
) -> None:
    """The copy may happen before, after or between; what was seen in the slot at last decides."""
    engine, ring = seeing_engine(manifest, LateLanes(seed, 0.3, page_locked)), RingReader()
    first, second = written(writer, 10), written(writer, 20)
    begun = begin([first], engine, ring), begin([second], engine, ring)
    written(writer, 250)  # into the slot of the first
    (fault,), (verdict,) = (finish(each, ring) for each in begun)
    assert isinstance(fault, Fault) and fault.reason is Reason.TORN_FRAME
    assert isinstance(verdict, Verdict)
    assert verdict.score == pytest.approx(manifest.scale.of(20 / 255), abs=1e-6)
    assert verdict.fingerprint == fingerprint(grey(20))


def test_a_ring_that_is_gone_is_read_until_its_batch_is_collected(manifest: Manifest, writer: RingWriter) -> None:
    """Its camera has restarted: the reader forgets the old ring while the device is still to copy out of it."""
    engine, ring = seeing_engine(manifest, LateLanes(0, 0.0)), RingReader()
    frame = ring.view(written(writer, 30).slot, "p30")
    ticket = engine.submit([frame])
    del frame, ring
    (found,) = engine.collect(ticket)
    assert found.score == pytest.approx(manifest.scale.of(30 / 255), abs=1e-6)
