"""wire.py: bytes both ways, a cut that both ends see, a hold that they do not, and an end that may not be there."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from line_inspector.chaos.wire import Wire


@pytest.fixture
def ends(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "near", tmp_path / "far"


@pytest.fixture
def wire(ends: tuple[Path, Path]) -> Iterator[Wire]:
    wire = Wire(*ends)
    yield wire
    wire.close()


@pytest.fixture
def far(ends: tuple[Path, Path]) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(ends[1]))
        listener.listen()
        listener.settimeout(5)
        yield listener


def connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(5)
    connection.connect(str(path))
    return connection


def test_bytes_go_both_ways_and_the_end_of_one_ends_the_other(
    wire: Wire, ends: tuple[Path, Path], far: socket.socket
) -> None:
    near = connect(ends[0])
    there, _ = far.accept()
    near.sendall(b"beat")
    assert there.recv(10) == b"beat"
    there.sendall(b"ack")
    assert near.recv(10) == b"ack"
    there.close()
    assert near.recv(10) == b""


def test_what_is_held_comes_late_and_whole(wire: Wire, ends: tuple[Path, Path], far: socket.socket) -> None:
    near = connect(ends[0])
    there, _ = far.accept()
    wire.hold()
    for n in range(20):
        near.sendall(bytes([n]))
    there.settimeout(0.2)
    with pytest.raises(TimeoutError):
        there.recv(1000)
    wire.mend()
    got = b""
    while len(got) < 20:
        got += there.recv(1000)
    assert got == bytes(range(20))


def test_a_cut_ends_connections_and_takes_none_until_it_is_mended(
    wire: Wire, ends: tuple[Path, Path], far: socket.socket
) -> None:
    near = connect(ends[0])
    there, _ = far.accept()
    wire.cut()
    assert near.recv(10) == there.recv(10) == b""
    assert connect(ends[0]).recv(10) == b""
    wire.mend()
    near = connect(ends[0])
    there = far.accept()[0]
    while there.recv(0) != b"":  # the one that was refused may have been let through to here
        there = far.accept()[0]
    near.sendall(b"again")


def test_without_a_far_end_a_connection_ends(wire: Wire, ends: tuple[Path, Path]) -> None:
    assert connect(ends[0]).recv(10) == b""


def test_zeromq_finds_its_way_again(wire: Wire, ends: tuple[Path, Path]) -> None:
    context = zmq.Context.instance()
    with context.socket(zmq.PUB) as publisher, context.socket(zmq.SUB) as subscriber:
        publisher.bind(f"ipc://{ends[1]}")
        subscriber.setsockopt(zmq.SUBSCRIBE, b"")
        subscriber.setsockopt(zmq.RECONNECT_IVL, 20)
        subscriber.connect(f"ipc://{ends[0]}")
        for _ in range(2):
            assert heard(publisher, subscriber)
            wire.cut()
            time.sleep(0.1)
            assert not heard(publisher, subscriber, patience_s=0.3)
            wire.mend()
        assert heard(publisher, subscriber)


def heard(publisher: "zmq.Socket[bytes]", subscriber: "zmq.Socket[bytes]", patience_s: float = 5) -> bool:
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        publisher.send(b"beat")
        if subscriber.poll(20):
            subscriber.recv()
            return True
    return False


def test_a_wire_of_tcp_ports_is_one_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as far, socket.socket() as free:
        far.settimeout(5)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        wire = Wire(port, far.getsockname()[1])
        near = socket.create_connection(("127.0.0.1", port), timeout=5)
        there, _ = far.accept()
        near.sendall(b"beat")
        assert there.recv(10) == b"beat"
        wire.cut()
        assert near.recv(10) == there.recv(10) == b""
        wire.close()
