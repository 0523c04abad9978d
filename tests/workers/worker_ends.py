"""Both ends of a worker's connection, over real tcp on loopback, and frames to send over it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zmq
from loopback import free_port

from line_inspector.config import WorkerSettings
from line_inspector.messages import Call, Fault, FrameReady, Reply, SlotRef, Verdict
from line_inspector.ring import fingerprint
from line_inspector.workers.curve import guarded_by_line_key
from line_inspector.workers.door import Door, Request
from line_inspector.workers.keys import write_key_pair
from line_inspector.workers.link import Heard, Link

MODEL = ("one", "0" * 64)
REPLY = Reply(called_ns=0, model_version=MODEL[0], model_sha256=MODEL[1], latency_ns=1_000_000, holds="")
FRAME_BYTES = 6_000_000


def make_settings(folder: Path) -> WorkerSettings:
    """A worker `far` on loopback, with keys."""
    for name in ("line", "far"):
        write_key_pair(folder, name)
    return WorkerSettings(host=f"tcp://127.0.0.1:{free_port()}", keys=folder)


@contextmanager
def door_of(settings: WorkerSettings, folder: Path, clock: Callable[[], int] = time.monotonic_ns) -> Iterator[Door]:
    """The worker's end, in a context of its own, as in a process of its own."""
    assert settings.keys
    with zmq.Context() as context, guarded_by_line_key(context, settings.keys):
        door = Door("far", settings, folder, FRAME_BYTES, clock, context=context)
        try:
            yield door
        finally:
            door.close()


@contextmanager
def link_of(settings: WorkerSettings, folder: Path) -> Iterator[Link]:
    """The line's end."""
    link = Link("far", settings, folder)
    try:
        yield link
    finally:
        link.close()


def call(remaining_ns: int = 0, shape: tuple[int, int, int] = (0, 0, 0), sent_ns: int | None = None) -> Call:
    return Call(
        sent_ns=time.monotonic_ns() if sent_ns is None else sent_ns,
        remaining_ns=remaining_ns,
        model_version=MODEL[0],
        model_sha256=MODEL[1],
        height_px=shape[0],
        width_px=shape[1],
        channels=shape[2],
    )


def ready(part_id: str = "p1", deadline_ns: int = 0) -> FrameReady:
    slot = SlotRef(ring="r", slot=0, generation=2)
    return FrameReady(
        part_id=part_id, camera="top", slot=slot, captured_ns=time.monotonic_ns(), deadline_ns=deadline_ns
    )


def picture(height_px: int = 40, width_px: int = 50, channels: int = 3) -> Any:
    shape = (height_px, width_px) if channels == 1 else (height_px, width_px, channels)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def verdict_of(request: Request, start_ns: int, end_ns: int) -> Verdict:
    """What a worker answers; its times are by its own clock."""
    return Verdict(
        part_id=request.frame.part_id,
        camera=request.frame.camera,
        slot=request.frame.slot,
        score=0.1,
        threshold=0.5,
        pixel_threshold=0.5,
        model_version=MODEL[0],
        fingerprint=fingerprint(request.pixels) if request.pixels is not None else 0,
        captured_ns=request.frame.captured_ns,
        inference_start_ns=start_ns,
        inference_end_ns=end_ns,
        heat=b"",
    )


def exchange(link: Link, door: Door, seconds: float, answer: Callable[[Request], Verdict | Fault] | None = None) -> Any:
    """Lets both ends run: (what the line has heard, which frames the worker has got)."""
    heard: list[Heard] = []
    requests: list[Request] = []
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s and not (heard and requests):
        link.call(call())
        for request in door.drain(REPLY):
            requests.append(request)
            if answer:
                door.answer(request, answer(request), REPLY)
        heard += [item for item in link.drain(time.monotonic_ns()) if item.answer or not answer]
        time.sleep(0.005)
    return heard, requests


def connect(link: Link, door: Door) -> None:
    """Until the line has heard its worker."""
    end_s = time.monotonic() + 5
    while not link.alive(time.monotonic_ns()):
        assert time.monotonic() < end_s, "the two did not meet"
        link.call(call())
        assert list(door.drain(REPLY)) == []
        list(link.drain(time.monotonic_ns()))
        time.sleep(0.005)
