"""What the connections of a socket have brought of messages that are not complete yet, and its bound.

ZeroMQ bounds each part of a message and the number of messages, but not the number of parts; and it hands over nothing
before the last part is there. So whoever never sends the last one would fill the memory unseen. The kernel counts the
bytes of each connection.
"""

import fcntl
import os
import socket
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import zmq

BYTES_RECEIVED_AT = 128  # `tcpi_bytes_received` in the kernel's struct tcp_info, since Linux 4.1
TCP_INFO_BYTES = BYTES_RECEIVED_AT + 8


@dataclass
class _Connection:
    """`inode` tells whether the descriptor is still that of the same connection; the rest is in bytes."""

    inode: int
    read: int = 0
    read_before: int = 0  # when the last message that is known to be complete was taken
    has_completed: bool = False
    completed: bool = False  # since the last look

    @property
    def unfinished(self) -> int:
        return self.read - self.read_before


class Inflow:
    """The tcp connections of one socket, by their descriptors, which remain ZeroMQ's.

    `look` before messages are taken, `completed` for each of them, and `cut` when no connection has one left: what a
    connection had brought by the look, and no complete message has come of it, is unfinished.
    """

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes` is what all connections together may bring of unfinished messages."""
        self._most_bytes = most_bytes
        self._connections: dict[int, _Connection] = {}

    def opened(self, descriptor: int) -> None:
        """A connection has been made."""
        try:
            self._connections[descriptor] = _Connection(os.fstat(descriptor).st_ino)
        except OSError:  # it is gone already
            self._connections.pop(descriptor, None)

    def closed(self, descriptor: int) -> None:
        """A connection has ended."""
        self._connections.pop(descriptor, None)

    def look(self) -> None:
        """Notes how much has been read from each connection."""
        for descriptor, connection in list(self._connections.items()):
            try:
                connection.read = _read(descriptor, connection.inode)
            except OSError:  # ended just now
                self.closed(descriptor)

    def completed(self, frame: zmq.Frame) -> None:
        """A message has been taken, of which this is a frame."""
        connection = self._connections.get(int(frame.get(zmq.SRCFD))) if self._connections else None
        if connection:
            connection.completed = connection.has_completed = True

    def cut(self) -> int:
        """Ends as many connections as bring too much, and with them what they have brought; their number.

        First those that have never completed a message, which may not even have a key; then those that bring most.
        """
        for connection in self._connections.values():
            if connection.completed:
                connection.read_before, connection.completed = connection.read, False
        unfinished, ended = sum(connection.unfinished for connection in self._connections.values()), 0
        for descriptor in sorted(self._connections, key=self._rank):
            if unfinished <= self._most_bytes:
                break
            connection = self._connections.pop(descriptor)
            _end(descriptor, connection.inode)
            unfinished -= connection.unfinished
            ended += 1
        return ended

    def _rank(self, descriptor: int) -> tuple[bool, int]:
        connection = self._connections[descriptor]
        return connection.has_completed, -connection.unfinished


@contextmanager
def _borrowed(descriptor: int, inode: int) -> Iterator[socket.socket]:
    """The connection as a socket of Python's, which does not close it. Raises OSError where it is another by now."""
    if os.fstat(descriptor).st_ino != inode:
        raise OSError("another connection")
    borrowed = socket.socket(fileno=descriptor)
    try:
        yield borrowed
    finally:
        borrowed.detach()


def _read(descriptor: int, inode: int) -> int:
    """Bytes that ZeroMQ has read from the connection: what has arrived, without what still waits in the kernel."""
    with _borrowed(descriptor, inode) as connection:
        waiting = struct.unpack("i", fcntl.ioctl(connection, termios.FIONREAD, bytes(4)))[0]
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    return int(struct.unpack_from("Q", info, BYTES_RECEIVED_AT)[0]) - int(waiting)


def _end(descriptor: int, inode: int) -> None:
    """ZeroMQ then finds it closed by its peer, and throws away what is not complete."""
    try:
        with _borrowed(descriptor, inode) as connection:
            connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # ended just now
        return
