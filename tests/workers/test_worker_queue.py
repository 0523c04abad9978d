"""The worker station in this process: what it does with more frames than a line would ever send it."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from worker_ends import MODEL, call, ready

from line_inspector.inference.engine import Finding, FrameFault
from line_inspector.line_file import parse_line
from line_inspector.messages import HEAT_SIDE_PX, Fault, Verdict
from line_inspector.part_record import Reason
from line_inspector.runtime import Station
from line_inspector.stop_flag import StopFlag
from line_inspector.workers.link import Link
from line_inspector.workers.model_id import ModelId
from line_inspector.workers.workload import MOST_WAITING
from stations.worker import Worker

LINE = {
    "line": "queue",
    "recipe": "disc",
    "data_dir": "d",
    "belt": {"speed_mm_s": 250},
    "inference": {"device": "cpu", "workers": {"near": {"host": "local"}}},
    "cameras": {
        "top": {"source": {"kind": "folder"}, "trigger": {"kind": "line"}, "to_gate_mm": 500, "max_rate_hz": 1}
    },
}
FAR_NS = 3_600_000_000_000
FRAMES = MOST_WAITING + 30


class OneAtATime:
    """An engine that takes one frame a turn, and longer than frames need to arrive."""

    runtime, version, threshold, pixel_threshold, image_size_px, max_batch_size = "stand-in", MODEL[0], 0.5, 0.4, 64, 1

    def infer(self, frames: Sequence[np.ndarray]) -> list[Finding | FrameFault]:
        time.sleep(0.02)
        return [Finding(0.1, np.zeros((HEAT_SIDE_PX, HEAT_SIDE_PX), np.uint8)) for _ in frames]

    def latency_ns(self, _batch_size: int) -> int:
        return 1_000


def test_frames_without_number_are_refused_and_not_kept(tmp_path: Path) -> None:
    line = parse_line(LINE, tmp_path / "line.yaml")
    station, settings = Station("worker.near", line, StopFlag()), line.inference.workers["near"]
    worker = Worker(station, "near", settings)
    worker._engines[ModelId(*MODEL)] = OneAtATime()
    link = Link("near", settings, line.sockets_dir)
    given, end_s = 0, time.monotonic() + 20
    while given < FRAMES and time.monotonic() < end_s:
        given += link.give(call(FAR_NS), ready(f"p{given}", FAR_NS), None, 0)
    time.sleep(0.5)  # all lie in the queues of the two sockets, which hold 64 each
    answers: list[Verdict | Fault | None] = []
    while len(answers) < FRAMES and time.monotonic() < end_s:
        worker.turn(time.monotonic_ns())
        assert len(worker.queue) <= MOST_WAITING
        answers += [heard.answer for heard in link.drain(time.monotonic_ns())]
    link.close()
    worker.close()
    station.close()
    assert len(answers) == FRAMES, "each has its answer, refused or not"
    refused = [a for a in answers if isinstance(a, Fault) and a.reason is Reason.SKIPPED_LATE]
    assert refused, "nobody sends so many, and here they are"
    assert len(refused) <= FRAMES - MOST_WAITING, "and no more are refused than have no room"
