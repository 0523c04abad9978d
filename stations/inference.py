"""The worker: frames of every camera in, verdicts out, in order of deadline; swaps models between two batches.

Two copies run on one line. Both load the model; the one that holds the station's lock serves, and the other takes over
within milliseconds when it dies, since importing torch alone takes longer than a line can wait.

On a line that names its workers (inference.workers) it runs no model itself, but shares the frames among them.
"""

import argparse
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from line_inspector import runtime
from line_inspector.config import Line, core_plan
from line_inspector.errors import InputError
from line_inspector.inference.batching import choose_batch
from line_inspector.inference.engine import Engine
from line_inspector.inference.inspection import Begun, batches_at_once, begin, fault, finish
from line_inspector.inference.page_lock import page_lock
from line_inspector.messages import Fault, FrameReady, Verdict
from line_inspector.part_record import Reason
from line_inspector.ring import RingReader
from line_inspector.streams import FAULTS, FRAMES, VERDICTS
from line_inspector.workers.sharer import Sharer

if TYPE_CHECKING:
    from line_inspector.inference.swap import ModelWatch

VERDICT_TRANSIT_NS = 5_000_000


@dataclass(frozen=True)
class Prepared:
    """The engine at start, None where it cannot be trusted or is not there; the watch brings every later model.

    The watch runs while the process stands by, too, so that it never takes over with a model of yesterday.
    """

    engine: Engine | None
    watch: "ModelWatch"


def prepare(line: Line) -> Prepared | None:
    """Loads and proves the model in service; without one, a log line, and every part will be rejected.

    None where workers do that.
    """
    if line.inference.workers:
        return None
    import torch  # seconds and some 300 MB, which a process that only shares frames does without

    from line_inspector.inference.swap import ModelWatch

    torch.set_num_threads(core_plan(line).threads)
    torch.set_num_interop_threads(1)
    folder = line.current_model_path.resolve()
    load, engine = engine_loader(line), None
    try:
        engine = load(folder)
    except InputError as e:
        logging.getLogger("inference").error("no model in service, every part will be rejected: %s", e)
    return Prepared(engine, ModelWatch(line.current_model_path, folder, load))


def serve(station: runtime.Station, _arguments: argparse.Namespace, prepared: Prepared | None) -> None:
    """Runs until told to stop."""
    if prepared is None:
        share(station)
        return
    worker = Worker(station, prepared.engine)
    for now_ns in station.turns(lambda: 0 if worker.is_busy else time.monotonic_ns() + 1_000_000_000):
        worker.swap(prepared.watch.take())
        worker.turn(now_ns)
    prepared.watch.close()


def share(station: runtime.Station) -> None:
    """Runs until told to stop, on a line that names its workers."""
    sharer = Sharer(station)
    for now_ns in station.turns(sharer.wake_ns):
        sharer.turn(now_ns)
    sharer.close()


class Worker:
    """The queue of frames, and the sockets around it."""

    def __init__(self, station: runtime.Station, engine: Engine | None) -> None:
        self.queue: list[FrameReady] = []
        self._station = station
        self._engine = engine
        self._begun: deque[Begun] = deque()
        self._free_ns = 0  # when the engine is done with them, as far as it knows
        self._ring = RingReader(page_lock(station.line.inference.device))
        self._frames = station.bus.receiver(FRAMES, FrameReady)
        self._verdicts = station.bus.sender(VERDICTS)
        self._faults = station.bus.sender(FAULTS)
        station.watch(self._frames.socket)

    @property
    def is_busy(self) -> bool:
        """Whether there is something to do without any message."""
        return bool(self.queue or self._begun)

    def swap(self, engine: Engine | None) -> None:
        """Puts a newly loaded engine into service."""
        if engine:
            self._engine = engine
            self._station.counters["swaps"] += 1
            self._station.log.info("model %s is in service", engine.version)

    def turn(self, now_ns: int) -> None:
        """Takes what has arrived, answers what can no longer be in time, begins one batch, and finishes what it can.

        While frames wait, an engine that can has its next batch before the last one's verdicts are waited for.
        """
        self.queue += self._frames.drain()
        self._station.counters["refused"] = self._frames.refused
        if not self._engine:
            self._refuse(self.queue, Reason.ENGINE_FAULT, "no model in service")
            self.queue = []
            return
        self._begin(self._engine, now_ns)
        while self._begun and (not self.queue or len(self._begun) >= batches_at_once(self._engine)):
            for answer in finish(self._begun.popleft(), self._ring):
                self._send(answer)

    def _begin(self, engine: Engine, now_ns: int) -> None:
        start_ns = max(now_ns, self._free_ns) if self._begun else now_ns
        deadlines = [request.deadline_ns - VERDICT_TRANSIT_NS for request in self.queue]
        choice = choose_batch(deadlines, start_ns, engine.latency_ns, engine.max_batch_size)
        batch = [self.queue[i] for i in choice.batch]
        self._refuse([self.queue[i] for i in choice.skipped], Reason.SKIPPED_LATE, "too late to be inferred")
        taken = {*choice.batch, *choice.skipped}
        self.queue = [request for i, request in enumerate(self.queue) if i not in taken]
        if batch:
            self._begun.append(begin(batch, engine, self._ring))
            self._free_ns = start_ns + engine.latency_ns(len(batch))

    def _refuse(self, requests: list[FrameReady], reason: Reason, detail: str) -> None:
        for request in requests:
            self._send(fault(request, reason, detail))

    def _send(self, answer: Verdict | Fault) -> None:
        is_verdict = isinstance(answer, Verdict)
        self._station.counters["verdicts" if is_verdict else "faults"] += 1
        if not (self._verdicts if is_verdict else self._faults).send(answer):
            self._station.counters["unsent"] += 1  # decision is down: the part is rejected at its deadline


def engine_loader(line: Line) -> Callable[[Path], Engine]:
    """Loads the model in a folder, proven, on the engine that the line file asks for; raises InputError."""
    from line_inspector.inference.choice import EngineLoader

    return EngineLoader(line).load


if __name__ == "__main__":
    runtime.main_with_standby("inference", prepare, serve)
