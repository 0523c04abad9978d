"""Frames of 5 MP from one process to another: the line's ring and bus, beside plain memcpy and ZeroMQ that copies."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from line_inspector.bench.timing import Budget, Spread, spread
from line_inspector.bench.transport_ways import GIVERS, SLOTS, Giver, owner, remove_abandoned
from line_inspector.errors import InputError
from line_inspector.images import Frame

SHAPE = (1944, 2592)  # 5 MP, mono
BUFFERS = 8  # of the camera: more than a processor's cache holds
RATE_HZ = 100.0
ROUND_FRAMES = 60
FEWEST_ROUNDS, MOST_ROUNDS = 3, 15
LATENCY_SHARE = 0.5  # of the time, for hops at RATE_HZ; the rest for throughput
FEWEST_HOPS = 100
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Transport:
    """Throughputs are medians over rounds that took turns, and ratios medians of the ratios of each round.

    `hop` is the time from the camera's buffer to the frame checked in the other process, at RATE_HZ. `wakes_per_frame`
    counts how often that process was woken meanwhile.
    """

    shape: tuple[int, int]
    rounds: int
    frames_per_s: float
    bytes_per_s: float
    memcpy_bytes_per_s: float
    zeromq_bytes_per_s: float
    over_memcpy: float
    over_zeromq_copy: float
    hop: Spread
    zeromq_hop: Spread
    wakes_per_frame: float


def measure_transport(seconds: float) -> Transport:
    """Takes about so long, at least some seconds. Raises InputError where a process cannot be started."""
    remove_abandoned()
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, SHAPE, np.uint8) for _ in range(BUFFERS)]
    with tempfile.TemporaryDirectory(prefix="line-inspector-bench-") as name, ExitStack() as stack:
        ring = stack.enter_context(_way("ring", Path(name)))
        zeromq = stack.enter_context(_way("zeromq", Path(name)))
        for way in (ring, zeromq):
            way.run(frames, SLOTS, None)  # every slot once, as in a line that has run for a while
        hops = max(FEWEST_HOPS, int(LATENCY_SHARE * seconds * RATE_HZ / 2))
        paced, copied = ring.run(frames, hops, RATE_HZ), zeromq.run(frames, hops, RATE_HZ)
        rates = _throughputs(ring, zeromq, frames, Budget((1 - LATENCY_SHARE) * seconds))
    frame_bytes = frames[0].nbytes
    return Transport(
        shape=SHAPE,
        rounds=len(rates),
        frames_per_s=median(own for own, _, _ in rates),
        bytes_per_s=median(own for own, _, _ in rates) * frame_bytes,
        memcpy_bytes_per_s=median(plain for _, plain, _ in rates) * frame_bytes,
        zeromq_bytes_per_s=median(copying for _, _, copying in rates) * frame_bytes,
        over_memcpy=median(own / plain for own, plain, _ in rates),
        over_zeromq_copy=median(own / copying for own, _, copying in rates),
        hop=spread(paced["hops_ns"]),
        zeromq_hop=spread(copied["hops_ns"]),
        wakes_per_frame=paced["wakes"] / len(paced["hops_ns"]),
    )


def _throughputs(ring: "_Way", zeromq: "_Way", frames: list[Frame], budget: Budget) -> list[tuple[float, float, float]]:
    """Frames per second by ring, memcpy and ZeroMQ, round after round."""
    plain = _memcpy(frames)
    rates: list[tuple[float, float, float]] = []
    while len(rates) < FEWEST_ROUNDS or (budget.left_s > 0 and len(rates) < MOST_ROUNDS):
        rates.append((ring.rate_hz(frames), plain(), zeromq.rate_hz(frames)))
    return rates


def _memcpy(frames: list[Frame]) -> Callable[[], float]:
    """Copies as many frames per second within one process, over as much memory as the ring has."""
    target = np.ones((SLOTS, *SHAPE), np.uint8)

    def rate_hz() -> float:
        began_s = time.perf_counter()
        for number in range(ROUND_FRAMES):
            np.copyto(target[number % SLOTS], frames[number % BUFFERS])
        return ROUND_FRAMES / (time.perf_counter() - began_s)

    return rate_hz


class _Way:
    """Both ends of one way: a giver here, and the process that takes."""

    def __init__(self, giver: Giver, process: "subprocess.Popen[str]", progress: Path) -> None:
        self._giver, self._process, self._progress = giver, process, progress
        self._number = 0

    def rate_hz(self, frames: list[Frame]) -> float:
        """One round, as fast as it goes."""
        return ROUND_FRAMES * 1e9 / float(self.run(frames, ROUND_FRAMES, None)["took_ns"])

    def run(self, frames: list[Frame], count: int, rate_hz: float | None) -> dict[str, Any]:
        """Sends `count` frames, evenly at a rate or as fast as they are taken; what the other process says of them."""
        assert self._process.stdin and self._process.stdout
        with self._progress.open("r+b") as progress:  # not emptied: the other process has it mapped
            progress.write(bytes(8))
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        next_s = time.monotonic()
        with self._progress.open("rb", buffering=0) as progress:
            for sent in range(count):
                if rate_hz:
                    next_s += 1 / rate_hz
                    time.sleep(max(0.0, next_s - time.monotonic()))
                self._give(frames[self._number % BUFFERS], sent, progress)
        told = self._process.stdout.readline()
        result: dict[str, Any] = json.loads(told) if told else {"hops_ns": []}
        if len(result["hops_ns"]) < count:
            raise InputError("frames were lost between two processes", "transport", "Is /dev/shm full?")
        return result

    def _give(self, frame: Frame, sent: int, progress: Any) -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        while sent - _count(progress) >= self._giver.under_way or not self._giver.give(frame, self._number):
            time.sleep(20e-6)
            if time.monotonic() > give_up_s or self._process.poll() is not None:
                raise InputError("the process that takes frames does not", "transport", "Run it on a quieter machine")
        self._number += 1


def _count(progress: Any) -> int:
    progress.seek(0)
    return int.from_bytes(progress.read(8), "little")


@contextmanager
def _way(name: str, folder: Path) -> Iterator[_Way]:
    progress = folder / f"{name}.count"
    progress.write_bytes(bytes(8))
    command = [sys.executable, "-m", "line_inspector.bench.transport_taker", name, str(folder), str(progress)]
    process = subprocess.Popen(  # in a session of its own: Ctrl-C is for this process to act on
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    giver: Giver | None = None
    try:
        assert process.stdout
        if process.stdout.readline().strip() != "ready":
            raise InputError("the process that takes frames did not start", "transport", "See its message above")
        giver = GIVERS[name](folder, owner(), SHAPE[0] * SHAPE[1])
        yield _Way(giver, process, progress)
    finally:
        if giver:
            giver.close()
        process.kill()
        process.communicate()
