"""A message of ever more parts, which ZeroMQ would keep until memory ends: cut off at either end, and the line goes on.

One message of very many parts is sent, all of them the same memory here, so that what grows is the receiver's.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import zmq
from worker_ends import (
    FRAME_BYTES,
    REPLY,
    call,
    connect,
    door_of,
    exchange,
    link_of,
    make_settings,
    picture,
    ready,
    verdict_of,
)

from line_inspector.config import WorkerSettings
from line_inspector.workers.door import Door
from line_inspector.workers.link import Link

MB = 1_000_000
SENT_BYTES = 300 * MB
MOST_GROWTH_BYTES = 120 * MB
PATIENCE_S = 30


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    return make_settings(tmp_path / "keys")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def send_without_end(sender: "zmq.Socket[bytes]", *head: bytes) -> None:
    part = zmq.Frame(bytes(50_000), copy=False)
    for first in head:
        sender.send(first, zmq.SNDMORE)
    for _ in range(SENT_BYTES // 50_000):
        sender.send(part, zmq.SNDMORE, copy=False)
    sender.send(b"")


def growth_until(done: Callable[[], bool]) -> int:
    """The most by which this process's memory has grown while waiting."""
    before, most, end_s = resident_bytes(), 0, time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end_s, "it has not come to that"
        most = max(most, resident_bytes() - before)
        assert most < MOST_GROWTH_BYTES, f"grown by {most / MB:.0f} MB"
        time.sleep(0.02)
    return most


def test_a_worker_cuts_off_the_bearer_of_the_lines_key_and_serves_its_line(
    settings: WorkerSettings, tmp_path: Path
) -> None:
    with door_of(settings, tmp_path) as door, link_of(settings, tmp_path) as line, link_of(settings, tmp_path) as rogue:
        connect(line, door)
        connect(rogue, door)

        def cut_off() -> bool:
            line.call(call())
            assert list(door.drain(REPLY)) == []
            list(line.drain(time.monotonic_ns()))
            assert not line.lost(time.monotonic_ns()), "the line itself has done nothing"
            return door.refused > 0

        for _ in range(2):
            door.refused = 0
            send_without_end(rogue.socket)
            growth_until(cut_off)
            growth_until(lambda: rogue.lost(time.monotonic_ns()))
            connect(rogue, door)
        assert line.give(call(10**9, (40, 50, 3)), ready(), picture(), time.monotonic_ns())
        (heard,), _ = exchange(line, door, 5, lambda request: verdict_of(request, 1, 2))
        assert heard.answer.part_id == "p1"


@pytest.mark.parametrize("is_known", [True, False], ids=["that has answered before", "that has never answered"])
def test_a_line_cuts_off_a_worker_and_takes_it_back_when_it_answers(
    settings: WorkerSettings, tmp_path: Path, is_known: bool
) -> None:
    with link_of(settings, tmp_path) as link:
        with door_of(settings, tmp_path) as rogue:
            if is_known:
                connect(link, rogue)
            link.call(call())
            end_s = time.monotonic() + PATIENCE_S
            while not rogue.socket.poll(20):
                assert time.monotonic() < end_s
                link.call(call())
            caller, *_ = rogue.socket.recv_multipart()
            assert not is_known or link.give(call(10**9), ready(), picture(), time.monotonic_ns())
            send_without_end(rogue.socket, caller)
            lost: list[bool] = []

            def cut_off() -> bool:
                assert not [heard for heard in link.drain(time.monotonic_ns()) if heard.answer]
                lost.append(link.lost(time.monotonic_ns()))
                return link.refused > 0 and (any(lost) or not is_known)

            growth_until(cut_off)
            assert link.load.lose() == (["p1"] if is_known else []), "what it had in hand is given to another, or lost"
        with door_of(settings, tmp_path) as door:
            connect_anew(link, door)


def connect_anew(link: Link, door: Door) -> None:
    end_s = time.monotonic() + 10
    while not link.alive(time.monotonic_ns()):
        assert time.monotonic() < end_s, "it was never found again"
        link.lost(time.monotonic_ns())
        link.call(call())
        list(door.drain(REPLY))
        list(link.drain(time.monotonic_ns()))
        time.sleep(0.01)


GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
LONG_COMMAND = b"\x06" + FRAME_BYTES.to_bytes(8, "big")


@contextmanager
def without_a_key(settings: WorkerSettings, connections: int) -> Iterator[list[socket.socket]]:
    """Connections that never end their first command, each of which alone would be allowed."""
    port = int(settings.host.rpartition(":")[2])
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    try:
        for one in sockets:
            one.settimeout(PATIENCE_S)
            one.sendall(GREETING)
        yield sockets
    finally:
        for one in sockets:
            one.close()


def test_many_connections_without_a_key_are_cut_off_before_the_line_is(
    settings: WorkerSettings, tmp_path: Path
) -> None:
    with (
        door_of(settings, tmp_path) as door,
        link_of(settings, tmp_path) as line,
        without_a_key(settings, 8) as sockets,
    ):
        connect(line, door)

        def flood() -> None:
            for one in sockets:
                with suppress(OSError):
                    one.sendall(LONG_COMMAND + bytes(FRAME_BYTES - 1))

        thread = threading.Thread(target=flood)
        thread.start()

        def cut_off() -> bool:
            line.call(call())
            list(door.drain(REPLY))
            list(line.drain(time.monotonic_ns()))
            assert not line.lost(time.monotonic_ns())
            return door.refused > 0

        growth_until(cut_off)
        thread.join()


def test_large_frames_that_pile_up_are_no_message_without_end(settings: WorkerSettings, tmp_path: Path) -> None:
    """The worker looks at its door only after each batch; what has come meanwhile is complete, however much it is."""
    frame, count = np.zeros((2000, 3000), np.uint8), 12
    assert frame.size == FRAME_BYTES
    with door_of(settings, tmp_path) as door, link_of(settings, tmp_path) as link:
        connect(link, door)
        requests: list[str] = []
        for number in range(count):
            assert link.give(call(10**10, (2000, 3000, 1)), ready(f"p{number}"), frame, time.monotonic_ns())
        end_s = time.monotonic() + PATIENCE_S
        while len(requests) < count:
            assert time.monotonic() < end_s and not link.lost(time.monotonic_ns())
            requests += [request.frame.part_id for request in door.drain(REPLY)]
            list(link.drain(time.monotonic_ns()))
            time.sleep(0.4)
        assert door.refused == 0
