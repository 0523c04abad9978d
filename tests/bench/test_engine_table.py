"""The engine's table, measured on an engine whose speed is known."""

import time

import numpy as np
import pytest

from line_inspector.bench.engine_table import measure_engine, most_images_per_s, rate_at
from line_inspector.errors import InputError
from line_inspector.inference.engine import Finding, FrameFault, Stages
from line_inspector.inference.torch_engine import TorchEngine
from line_inspector.messages import HEAT_SIDE_PX
from line_inspector.part_record import Reason

FIXED_S, EACH_S = 0.004, 0.002
FRAMES = [np.zeros((8, 8), np.uint8)]


class SleepingEngine:
    """4 ms a batch and 2 ms a frame."""

    last_stages = Stages(1_000_000, 2_000_000, 500_000)

    def infer(self, frames):  # type: ignore[no-untyped-def]
        time.sleep(FIXED_S + EACH_S * len(frames))
        return [Finding(0.1, np.zeros((HEAT_SIDE_PX, HEAT_SIDE_PX), np.uint8))] * len(frames)


def test_the_table_has_every_size_and_its_speed() -> None:
    rows = measure_engine(SleepingEngine(), FRAMES, None, 1.5)  # type: ignore[arg-type]
    assert [row.batch for row in rows][:4] == [1, 2, 4, 8]
    for row in rows[:4]:
        least_ms = 1e3 * (FIXED_S + EACH_S * row.batch)
        assert least_ms <= row.median_ms <= row.p99_ms
        assert row.images_per_s == pytest.approx(row.batch * 1e3 / row.median_ms)
        assert (row.copy_ms, row.preprocess_ms, row.forward_ms, row.post_ms) == (None, 1.0, 2.0, 0.5)
    assert most_images_per_s(rows, 2) < most_images_per_s(rows, 8)


def test_copies_to_a_device_are_taken_off_the_forward_pass() -> None:
    rows = measure_engine(SleepingEngine(), FRAMES, lambda frames: 100_000 * frames, 0.2)  # type: ignore[arg-type]
    assert (rows[0].copy_ms, rows[0].forward_ms) == (0.1, 1.9)


def test_the_rate_at_given_sizes_weighs_them_by_how_often_they_came() -> None:
    rate = rate_at(SleepingEngine(), FRAMES, {1: 3, 4: 1}, 0.3)  # type: ignore[arg-type]
    best = 7 / (3 * (FIXED_S + EACH_S) + FIXED_S + 4 * EACH_S)
    assert 0.4 * best < rate <= best


def test_a_model_that_refuses_frames_is_not_measured() -> None:
    engine = SleepingEngine()
    engine.infer = lambda frames: [FrameFault(Reason.BAD_FRAME, "odd")] * len(frames)  # type: ignore[method-assign]
    with pytest.raises(InputError, match="odd"):
        measure_engine(engine, FRAMES, None, 0.1)  # type: ignore[arg-type]


def test_the_stages_of_a_real_engine_add_up_to_no_more_than_the_whole(write_tiny_model, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from line_inspector.inference.load import load_verified_engine

    engine = load_verified_engine(write_tiny_model(tmp_path / "model"), "cpu", max_batch_size=2)
    assert isinstance(engine, TorchEngine)
    began_ns = time.perf_counter_ns()
    engine.infer([np.full((90, 120), 90, np.uint8)] * 3)
    whole_ns = time.perf_counter_ns() - began_ns
    stages = engine.last_stages
    parts_ns = (stages.preprocess_ns, stages.forward_ns, stages.post_ns)
    assert min(parts_ns) > 0
    assert sum(parts_ns) <= whole_ns
    assert stages.forward_ns > stages.preprocess_ns
