"""The inference station alone, in this process, with an engine that has two batches on their way at once."""

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from cpu_lanes import LateLanes

from line_inspector.bus import Bus
from line_inspector.inference.model_directory import read_manifest
from line_inspector.inference.pipelined_engine import PipelinedEngine
from line_inspector.line_file import parse_line
from line_inspector.messages import Fault, FrameReady, Verdict
from line_inspector.part_record import Reason
from line_inspector.ring import SHM, Geometry, RingWriter
from line_inspector.runtime import Station
from line_inspector.stop_flag import StopFlag
from line_inspector.streams import FAULTS, FRAMES, VERDICTS
from stations.inference import Worker

LINE = {
    "line": "inference",
    "recipe": "disc",
    "data_dir": "d",
    "belt": {"speed_mm_s": 250},
    "inference": {"device": "cpu"},
    "cameras": {
        "top": {
            "source": {"kind": "folder"},
            "trigger": {"kind": "line"},
            "to_gate_mm": 500,
            "max_rate_hz": 0.5,
            "max_width_px": 64,
            "max_height_px": 64,
        }
    },
}
FAR_NS = 600_000_000_000


def brightness(tiles: torch.Tensor) -> torch.Tensor:
    return tiles[:, 0].float() / 255


class Played:
    """The worker, and the other ends of its sockets."""

    def __init__(self, folder: Path, engine: PipelinedEngine) -> None:
        line = parse_line(LINE, folder / "line.yaml")
        self.station = Station("inference", line, StopFlag())
        bus = Bus(line.sockets_dir)
        self.verdicts = bus.receiver(VERDICTS, Verdict)
        self.faults = bus.receiver(FAULTS, Fault)
        self.worker = Worker(self.station, engine)
        self.frames = bus.sender(FRAMES)
        self.ring = RingWriter(f"test-{uuid.uuid4().hex[:12]}", "top", Geometry(slots=16, slot_bytes=64 * 64))
        time.sleep(0.2)  # connections form

    def shoot(self, value: int, due_in_ns: int = FAR_NS) -> None:
        """A frame of this grey value, in the ring and announced to the worker."""
        deadline_ns = time.monotonic_ns() + due_in_ns
        slot = self.ring.write(np.full((64, 64), value, np.uint8), f"p{value}", 0, 0, 1)
        assert self.frames.send(
            FrameReady(part_id=f"p{value}", camera="top", slot=slot, captured_ns=1, deadline_ns=deadline_ns)
        )

    def arrive(self, count: int) -> None:
        """Wait until so many more frames have come, without a turn."""
        end = time.monotonic() + 20
        expected = len(self.worker.queue) + count
        while len(self.worker.queue) < expected and time.monotonic() < end:
            self.worker.queue += self.worker._frames.drain()
        assert len(self.worker.queue) == expected

    def work(self) -> None:
        """Turns until nothing is left to do."""
        end = time.monotonic() + 30
        self.worker.turn(time.monotonic_ns())
        while self.worker.is_busy and time.monotonic() < end:
            self.worker.turn(time.monotonic_ns())
        assert not self.worker.is_busy

    def answers(self, count: int) -> list[Verdict | Fault]:
        found: list[Verdict | Fault] = []
        end = time.monotonic() + 20
        while len(found) < count and time.monotonic() < end:
            found += [*self.verdicts.drain(), *self.faults.drain()]
        return found


@pytest.fixture
def played(tmp_path: Path, write_tiny_model: Callable[..., Path]) -> Iterator[Played]:
    manifest = read_manifest(write_tiny_model(tmp_path / "model"))
    engine = PipelinedEngine(brightness, manifest, LateLanes(1, 0.5), max_batch_size=2, frame_shape=(64, 64))
    played = Played(tmp_path, engine)
    yield played
    played.station.close()
    for path in SHM.glob(f"{played.ring.name.rpartition('.')[0].rpartition('.')[0]}*"):
        path.unlink()


def test_every_frame_gets_its_own_verdict_over_several_batches(played: Played) -> None:
    for value in range(10, 17):
        played.shoot(value)
    played.arrive(7)
    played.work()
    answers = played.answers(7)
    assert all(isinstance(each, Verdict) for each in answers)
    assert {each.part_id: each.score for each in answers} == pytest.approx(
        {f"p{value}": value / 255 for value in range(10, 17)}, abs=1e-5
    )


def test_while_frames_wait_a_batch_is_begun_before_the_last_ones_verdicts(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PipelinedEngine, "latency_ns", lambda _engine, size: 1_000_000 + size)  # two pay better
    for value in range(10, 16):
        played.shoot(value)
    played.arrive(6)
    played.worker.turn(time.monotonic_ns())
    assert len(played.worker._begun) == 1 and len(played.worker.queue) == 4, "the first batch is on its way"
    played.worker.turn(time.monotonic_ns())
    assert len(played.worker._begun) == 1 and len(played.worker.queue) == 2, "the second, and the first has ended"
    assert {each.part_id for each in played.answers(2)} == {"p10", "p11"}
    played.work()
    assert len(played.answers(4)) == 4


def test_a_lone_frame_does_not_wait_for_another(played: Played) -> None:
    played.shoot(40)
    played.arrive(1)
    played.worker.turn(time.monotonic_ns())
    assert [each.part_id for each in played.answers(1)] == ["p40"]
    assert not played.worker.is_busy


def test_a_slot_reused_while_its_batch_is_on_its_way_gives_a_fault(played: Played) -> None:
    for value in range(10, 14):
        played.shoot(value)
    played.arrive(4)
    played.worker.turn(time.monotonic_ns())
    for value in range(100, 113):  # the 16 slots: the first frame's is written over, the second's is not
        played.ring.write(np.full((64, 64), value, np.uint8), f"p{value}", 0, 0, 1)
    played.work()
    answers = {each.part_id: each for each in played.answers(4)}
    assert isinstance(answers["p10"], Fault) and answers["p10"].reason is Reason.TORN_FRAME
    assert all(isinstance(answers[f"p{value}"], Verdict) for value in (11, 12, 13))


def test_what_would_be_late_behind_a_batch_on_its_way_is_skipped_by_name(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_ns = 400_000_000
    monkeypatch.setattr(PipelinedEngine, "latency_ns", lambda _engine, _size: slow_ns)
    for value in (10, 11):
        played.shoot(value)
    played.shoot(12, due_in_ns=2 * FAR_NS)
    played.arrive(3)
    played.worker.turn(time.monotonic_ns())
    played.shoot(13, due_in_ns=slow_ns * 3 // 2)  # in time by itself, but not behind a batch of 400 ms
    played.arrive(1)
    played.work()
    answers = {each.part_id: each for each in played.answers(4)}
    assert isinstance(answers["p13"], Fault) and answers["p13"].reason is Reason.SKIPPED_LATE
    assert all(isinstance(answers[f"p{value}"], Verdict) for value in (10, 11, 12))
