"""What a worker on another host costs: the same frame and answer over the local ring and over tcp with CURVE.

    taskset -c 0,1 python tests/benchmarks/tcp_hop.py [--frames 300]

A process of its own plays the worker and answers without a model, after it has looked at every pixel row that the
fingerprint takes. Both ways use the connection that the line uses: a frame is written into the ring, and for the other
host copied out of it, checked, encrypted, sent over loopback, decrypted. A real network adds its own time: at 1 Gbit/s
8 ms for each megabyte.
"""

import argparse
import multiprocessing
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import zmq

from line_inspector.config import WorkerSettings
from line_inspector.messages import Call, Fault, FrameReady, Reply
from line_inspector.part_record import Reason
from line_inspector.ring import Geometry, RingReader, RingWriter, fingerprint
from line_inspector.workers.curve import guarded_by_line_key
from line_inspector.workers.door import Door
from line_inspector.workers.keys import write_key_pair
from line_inspector.workers.link import Link
from line_inspector.workers.received import Received

SIZES = {"256 x 256": (256, 256), "5 MP (2592 x 1944)": (1944, 2592)}
REPLY = Reply(called_ns=0, model_version="m", model_sha256="s", latency_ns=1, holds="")


def work(settings: WorkerSettings, folder: Path, stop: Event) -> None:
    """The worker's process: every frame is looked at and answered at once."""
    ring = RingReader()
    with ExitStack() as stack:
        if settings.keys:
            stack.enter_context(guarded_by_line_key(zmq.Context.instance(), settings.keys))
        door = Door("far", settings, folder, 10_000_000, time.monotonic_ns)
        while not stop.is_set():
            door.socket.poll(100)
            for request in door.drain(REPLY):
                seen = fingerprint(Received([request], ring).view(request.frame.slot, request.frame.part_id))
                answer = Fault(part_id=request.frame.part_id, camera="c", reason=Reason.ANOMALY, detail=str(seen))
                door.answer(request, answer, REPLY)
        door.close()


def call(shape: tuple[int, ...] = (0, 0, 0)) -> Call:
    return Call(
        sent_ns=time.monotonic_ns(),
        remaining_ns=10**9,
        model_version="m",
        model_sha256="s",
        height_px=shape[0],
        width_px=shape[1],
        channels=shape[2],
    )


def answers(link: Link) -> Iterator[str]:
    link.socket.poll(1000)
    yield from (item.answer.part_id for item in link.drain(time.monotonic_ns()) if item.answer)


def send(link: Link, ring: RingWriter, reader: RingReader, pixels: np.ndarray, number: int) -> str:
    """One frame on its way, from the camera's buffer on."""
    part_id, now_ns = f"p{number}", time.monotonic_ns()
    slot = ring.write(pixels, part_id, 0, 0, now_ns)
    ready = FrameReady(part_id=part_id, camera="c", slot=slot, captured_ns=now_ns, deadline_ns=now_ns + 10**9)
    if link.takes_pixels:
        copied = reader.copy(slot, part_id)
        assert link.give(call((*copied.shape, 1)), ready, copied, now_ns)
    else:
        assert link.give(call(), ready, None, now_ns)
    return part_id


def measure(link: Link, pixels: np.ndarray, frames: int) -> tuple[float, float, float]:
    """(Median, 99th percentile) in ms of one frame at a time, and frames/s with four under way."""
    ring, reader = RingWriter("bench", "c", Geometry(64, pixels.nbytes)), RingReader()
    took_ms: list[float] = []
    for number in range(frames):
        start_s = time.perf_counter()
        part_id = send(link, ring, reader, pixels, number)
        while part_id not in list(answers(link)):
            pass
        took_ms.append((time.perf_counter() - start_s) * 1e3)
    start_s, under_way, number = time.perf_counter(), 0, 0
    while number < frames or under_way:
        while number < frames and under_way < 4:
            send(link, ring, reader, pixels, number)
            number, under_way = number + 1, under_way + 1
        under_way -= len(list(answers(link)))
    rate_hz = frames / (time.perf_counter() - start_s)
    ring.close()
    cuts = statistics.quantiles(took_ms, n=100)
    return cuts[49], cuts[98], rate_hz


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=300)
    frames = parser.parse_args().frames
    print("| frame | way | median ms | p99 ms | frames/s |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for owner in ("line", "far"):
            write_key_pair(folder / "keys", owner)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        ways = {
            "ring": WorkerSettings(host="local"),
            "tcp, CURVE": WorkerSettings(host=f"tcp://127.0.0.1:{port}", keys=folder / "keys"),
        }
        for way, settings in ways.items():
            stop = multiprocessing.Event()
            worker = multiprocessing.Process(target=work, args=(settings, folder, stop))
            worker.start()
            link = Link("far", settings, folder)
            while not link.alive(time.monotonic_ns()):
                link.call(call())
                list(answers(link))
            for size, shape in SIZES.items():
                pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
                median_ms, p99_ms, rate_hz = measure(link, pixels, frames)
                print(f"| {size} | {way} | {median_ms:.2f} | {p99_ms:.2f} | {rate_hz:.0f} |", flush=True)
            link.close()
            stop.set()
            worker.join()


if __name__ == "__main__":
    main()
