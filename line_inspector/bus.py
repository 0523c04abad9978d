"""ZeroMQ sockets of the streams table: queues, acknowledged queues, and latest-value feeds.

All sends are non-blocking: a full queue answers False and the caller names the loss. Sockets are not thread-safe;
each belongs to the thread that made it.
"""

import heapq
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import zmq

from line_inspector import encoding
from line_inspector.encoding import MalformedMessage, Message
from line_inspector.messages import Ack
from line_inspector.streams import Pattern, Stream

M = TypeVar("M", bound=Message)

QUEUE_LENGTH = 10_000
RECONNECT_MS = 20
FIRST_RESEND_NS = 250_000_000
LONGEST_RESEND_NS = 10_000_000_000
RESENDS_AT_ONCE = 100  # a receiver that has been away must not drown in repetitions
DRAINED_AT_ONCE = 500  # so that a loop gets round to its deadlines however much has come

_READABLE = int(zmq.POLLIN)


@dataclass(frozen=True)
class Bus:
    """Opens sockets in one folder. Receivers of queues bind, senders connect; publishers bind, subscribers connect."""

    sockets_dir: Path

    def sender(self, stream: Stream, instance: str = "") -> "Sender":
        """The sending end of a PUSH/PULL stream."""
        return Sender(self._connect(stream, zmq.PUSH, instance))

    def receiver(self, stream: Stream, kind: type[M], instance: str = "") -> "Receiver[M]":
        """The receiving end of a PUSH/PULL stream."""
        return Receiver(self._bind(stream, zmq.PULL, instance), kind)

    def acked_sender(self, stream: Stream, identity: str, instance: str = "") -> "AckedSender":
        """The sending end of a DEALER/ROUTER stream. `identity` survives restarts, so acknowledgements find it."""
        return AckedSender(self._connect(stream, zmq.DEALER, instance, identity))

    def acked_receiver(self, stream: Stream, kind: type[M], instance: str = "") -> "AckedReceiver[M]":
        """The receiving end of a DEALER/ROUTER stream."""
        return AckedReceiver(self._bind(stream, zmq.ROUTER, instance), kind)

    def publisher(self, stream: Stream, instance: str = "") -> "Sender":
        """The sending end of a PUB/SUB stream."""
        return Sender(self._bind(stream, zmq.PUB, instance))

    def subscriber(self, stream: Stream, kind: type[M], instances: tuple[str, ...] = ("",)) -> "Receiver[M]":
        """The receiving end of a PUB/SUB stream, of several publishers at once where the stream has several."""
        socket = self._socket(stream, zmq.SUB)
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        for instance in instances:
            socket.connect(stream.endpoint(self.sockets_dir, instance))
        return Receiver(socket, kind)

    def _socket(self, stream: Stream, kind: int, identity: str = "") -> "zmq.Socket[bytes]":
        socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        length = 1000 if stream.pattern is Pattern.LATEST else QUEUE_LENGTH
        socket.setsockopt(zmq.SNDHWM, length)
        socket.setsockopt(zmq.RCVHWM, length)
        socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        if identity:
            socket.setsockopt(zmq.IDENTITY, identity.encode())
        if kind == zmq.ROUTER:
            socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        return socket

    def _bind(self, stream: Stream, kind: int, instance: str) -> "zmq.Socket[bytes]":
        self.sockets_dir.mkdir(parents=True, exist_ok=True)
        socket = self._socket(stream, kind)
        socket.bind(stream.endpoint(self.sockets_dir, instance))
        return socket

    def _connect(self, stream: Stream, kind: int, instance: str, identity: str = "") -> "zmq.Socket[bytes]":
        socket = self._socket(stream, kind, identity)
        socket.setsockopt(zmq.IMMEDIATE, 1)  # nothing is queued for a peer that is not there: the caller learns it
        socket.connect(stream.endpoint(self.sockets_dir, instance))
        return socket


class Sender:
    """Sends without ever blocking."""

    def __init__(self, socket: "zmq.Socket[bytes]") -> None:
        self._socket = socket

    def send(self, message: Message) -> bool:
        """False when nobody is connected or the queue is full: the message is not sent."""
        try:
            self._socket.send(encoding.encode(message), zmq.DONTWAIT)
        except zmq.Again:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


class Receiver(Generic[M]):
    """Receives messages of one type; anything else is counted in `refused` and dropped."""

    def __init__(self, socket: "zmq.Socket[bytes]", kind: type[M]) -> None:
        self.socket = socket
        self.refused = 0
        self._kind = kind

    def drain(self) -> Iterator[M]:
        """Messages that have arrived, oldest first, DRAINED_AT_ONCE at most; never waits."""
        for frames in _arrived(self.socket):
            try:
                yield encoding.decode(_last_of(frames, 1), self._kind)
            except MalformedMessage:
                self.refused += 1

    def close(self) -> None:
        self.socket.close()


class AckedSender:
    """Keeps every message until its key is acknowledged, and sends it again when that takes too long.

    The pause before each repetition of a message doubles, from FIRST_RESEND_NS to LONGEST_RESEND_NS. The receiver must
    take a repeated key as harmless.
    """

    def __init__(self, socket: "zmq.Socket[bytes]") -> None:
        self.socket = socket
        self.refused = 0
        self._kept: dict[str, bytes] = {}
        self._due: list[tuple[int, int, str]] = []  # when to send again, the pause before that, key

    def __len__(self) -> int:
        return len(self._kept)

    def send(self, key: str, message: Message) -> None:
        """Sends now and keeps the message until acknowledged."""
        self._kept[key] = encoding.encode(message)
        self._try(self._kept[key])
        heapq.heappush(self._due, (time.monotonic_ns() + FIRST_RESEND_NS, FIRST_RESEND_NS, key))

    def renew(self, key: str, message: Message) -> bool:
        """Puts another message in the place of one that still waits, and sends it; False when none waits."""
        if key not in self._kept:
            return False
        self._kept[key] = encoding.encode(message)
        self._try(self._kept[key])
        return True

    def acknowledged(self) -> list[str]:
        """Keys newly acknowledged; call it when the socket is readable."""
        keys: list[str] = []
        for frames in _arrived(self.socket):
            try:
                key = encoding.decode(_last_of(frames, 1), Ack).key
            except MalformedMessage:
                self.refused += 1
                continue
            if self._kept.pop(key, None):
                keys.append(key)
        return keys

    def forget(self, key: str) -> None:
        """Stops repeating a message that has become pointless."""
        self._kept.pop(key, None)

    def resend(self, now_ns: int) -> int:
        """Sends again what has waited too long for its acknowledgement, RESENDS_AT_ONCE at most; the number sent."""
        sent = 0
        while self._due and self._due[0][0] <= now_ns and sent < RESENDS_AT_ONCE:
            _, pause_ns, key = self._due[0]
            if key not in self._kept:
                heapq.heappop(self._due)
                continue
            if not self._try(self._kept[key]):
                return sent
            pause_ns = min(2 * pause_ns, LONGEST_RESEND_NS)
            heapq.heapreplace(self._due, (now_ns + pause_ns, pause_ns, key))
            sent += 1
        return sent

    def close(self) -> None:
        self.socket.close()

    def _try(self, data: bytes) -> bool:
        try:
            self.socket.send(data, zmq.DONTWAIT)
        except zmq.Again:
            return False
        return True


class AckedReceiver(Generic[M]):
    """Receives messages with the identity of their sender, and acknowledges each when its receiver has made it safe."""

    def __init__(self, socket: "zmq.Socket[bytes]", kind: type[M]) -> None:
        self.socket = socket
        self.refused = 0
        self._kind = kind

    def drain(self) -> Iterator[tuple[bytes, M]]:
        """(Sender, message) pairs that have arrived, oldest first, DRAINED_AT_ONCE at most; never waits."""
        for frames in _arrived(self.socket):
            try:
                yield frames[0], encoding.decode(_last_of(frames, 2), self._kind)
            except MalformedMessage:
                self.refused += 1

    def acknowledge(self, sender: bytes, key: str) -> None:
        """Lost acknowledgements are harmless: the sender repeats its message."""
        try:
            self.socket.send_multipart([sender, encoding.encode(Ack(key=key))], zmq.DONTWAIT)
        except zmq.Again:
            return

    def close(self) -> None:
        self.socket.close()


def _arrived(socket: "zmq.Socket[bytes]") -> Iterator[list[bytes]]:
    """The frames of each message that has arrived, oldest first, DRAINED_AT_ONCE at most; never waits.

    It asks before it receives: zmq.Again, an exception, takes ten times as long as the question, and most looks at a
    socket find nothing.
    """
    for _ in range(DRAINED_AT_ONCE):
        if not int(socket.get(zmq.EVENTS)) & _READABLE:
            return
        try:
            frames = socket.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            return
        yield frames


def _last_of(frames: list[bytes], expected: int) -> bytes:
    """The message, behind what the socket puts before it. Raises MalformedMessage for another number of frames."""
    if len(frames) != expected:
        raise MalformedMessage(f"{len(frames)} frames, expected {expected}")
    return frames[-1]
