"""One of several workers of a line, on the line's own host or on another one: frames in, verdicts out.

It runs the model that the line wants, from `models/` in its own data_dir, and answers nobody but its line.
"""

import argparse
import time
from collections import OrderedDict
from contextlib import ExitStack

import torch
import zmq

from line_inspector import runtime
from line_inspector.config import Line, WorkerSettings, core_plan
from line_inspector.errors import InputError
from line_inspector.inference.engine import Engine
from line_inspector.inference.fair_share import choose_model_and_batch
from line_inspector.inference.inspection import fault, inspect
from line_inspector.inference.page_lock import page_lock
from line_inspector.messages import Fault, Reply, Verdict
from line_inspector.part_record import Reason
from line_inspector.ring import RingReader
from line_inspector.workers.curve import guarded_by_line_key
from line_inspector.workers.door import Door, Request
from line_inspector.workers.model_id import NO_MODEL, ModelId
from line_inspector.workers.received import Received
from line_inspector.workers.wanted_model import WantedModel
from line_inspector.workers.workload import MOST_WAITING
from stations.inference import engine_loader

KEEP_OLD_MODEL_NS = 60_000_000_000  # frames that were sent before a swap want the model of then


def serve(station: runtime.Station, arguments: argparse.Namespace) -> None:
    """Runs until told to stop."""
    line, name = station.line, arguments.worker
    settings = _settings(line, name)
    torch.set_num_threads(core_plan(line).threads)
    torch.set_num_interop_threads(1)
    with ExitStack() as stack:
        if settings.keys and not settings.is_local:
            stack.enter_context(guarded_by_line_key(zmq.Context.instance(), settings.keys))
        worker = Worker(station, name, settings)
        stack.callback(worker.close)
        for now_ns in station.turns(lambda: 0 if worker.queue else time.monotonic_ns() + 1_000_000_000):
            worker.turn(now_ns)


class Worker:
    """The queue of frames, the models that they are inspected with, and the door through which they come."""

    def __init__(self, station: runtime.Station, name: str, settings: WorkerSettings) -> None:
        line = station.line
        self.queue: list[Request] = []
        self._station = station
        self._ring = RingReader(page_lock(line.inference.device))
        self._engines: OrderedDict[ModelId, Engine] = OrderedDict()  # the newest last, the one before it for a while
        self._swapped_ns = 0
        self._door = Door(name, settings, line.sockets_dir, _largest_frame_bytes(line), time.monotonic_ns)
        self._wanted = WantedModel(line.registry_dir / line.recipe, engine_loader(line))
        station.watch(self._door.socket)

    def turn(self, now_ns: int) -> None:
        """Takes what has arrived, answers what can no longer be in time, and infers one batch."""
        self._swap(now_ns)
        self._take(list(self._door.drain(self._reply(next(reversed(self._engines), NO_MODEL)))))
        self._wanted.want(self._door.wanted)
        self._station.counters["refused"] = self._door.refused
        if self.queue:
            self._work()

    def _take(self, arrived: list[Request]) -> None:
        """Queues what has arrived; what no line would send on top of what it waits for is refused, not kept."""
        room = max(0, MOST_WAITING - len(self.queue))
        self.queue += arrived[:room]
        self._refuse(arrived[room:], Reason.SKIPPED_LATE, f"{MOST_WAITING} frames wait already")

    def close(self) -> None:
        """Lets go of door and thread."""
        self._door.close()
        self._wanted.close()

    def _swap(self, now_ns: int) -> None:
        taken = self._wanted.take()
        if taken:
            model, engine = taken
            self._engines[model] = engine
            self._engines.move_to_end(model)
            self._swapped_ns = now_ns
            self._station.counters["swaps"] += 1
            self._station.log.info("model %s is in service", engine.version)
        expired = now_ns - self._swapped_ns > KEEP_OLD_MODEL_NS
        while len(self._engines) > (1 if expired else 2):
            self._engines.popitem(last=False)

    def _work(self) -> None:
        """One batch of one model; whoever wants a model that is not here hears it."""
        queues: dict[ModelId, list[Request]] = {}
        for request in self.queue:
            queues.setdefault(request.model, []).append(request)
        taken: set[int] = set()
        has = next(reversed(self._engines), NO_MODEL).version
        reason = Reason.WRONG_MODEL if has else Reason.ENGINE_FAULT
        for model in queues.keys() - self._engines.keys():
            taken |= self._refuse(
                queues.pop(model), reason, f"has model {has or 'none'}, the line wants {model.version}"
            )
        if queues:
            taken |= self._infer(queues)
        self.queue = [request for request in self.queue if id(request) not in taken]

    def _infer(self, queues: dict[ModelId, list[Request]]) -> set[int]:
        model, choice = choose_model_and_batch(
            {model: [request.frame.deadline_ns for request in queue] for model, queue in queues.items()},
            time.monotonic_ns(),
            lambda model, size: self._engines[model].latency_ns(size),
            lambda model: self._engines[model].max_batch_size,
        )
        mine, engine = queues[model], self._engines[model]
        late = self._refuse([mine[i] for i in choice.skipped], Reason.SKIPPED_LATE, "too late to be inferred")
        batch = {mine[i].frame.part_id: mine[i] for i in choice.batch}
        frames = [request.frame for request in batch.values()]
        for answer in inspect(frames, engine, Received(list(batch.values()), self._ring)) if batch else []:
            self._answer(batch[answer.part_id], answer, model)
        return late | {id(mine[i]) for i in choice.batch}

    def _refuse(self, requests: list[Request], reason: Reason, detail: str) -> set[int]:
        for request in requests:
            self._answer(request, fault(request.frame, reason, detail), request.model)
        return {id(request) for request in requests}

    def _answer(self, request: Request, answer: Verdict | Fault, model: ModelId) -> None:
        self._station.counters["verdicts" if isinstance(answer, Verdict) else "faults"] += 1
        self._door.answer(request, answer, self._reply(model if model in self._engines else NO_MODEL))

    def _reply(self, model: ModelId) -> Reply:
        engine = self._engines.get(model)
        latency_ns = engine.latency_ns(1) if engine else 0
        return Reply(
            called_ns=0, model_version=model.version, model_sha256=model.sha256, latency_ns=latency_ns, holds=""
        )


def _settings(line: Line, name: str) -> WorkerSettings:
    workers = line.inference.workers
    if name not in workers:
        known = ", ".join(workers) or "none"
        raise InputError(f"no worker '{name}' in the line file", f"line {line.line}", f"Known workers: {known}")
    return workers[name]


def _largest_frame_bytes(line: Line) -> int:
    return max(camera.max_width_px * camera.max_height_px * camera.channels for camera in line.cameras.values())


def _worker_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--worker", required=True, help="name of the worker in the line file, inference.workers")


if __name__ == "__main__":
    runtime.main("worker", serve, _worker_option)
