"""The ways of a frame from one process to another: how each is sent, and how it is taken.

The ring is the line's own way: one copy into shared memory, and a message of some hundred bytes. ZeroMQ copying is what
one would write first: the pixels go through a socket. Whoever takes a frame looks at it in the same way in both.
"""

import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import zmq

from line_inspector.bus import Bus
from line_inspector.images import Frame
from line_inspector.messages import FrameReady
from line_inspector.ring import PREFIX, SHM, Geometry, RingReader, RingWriter, fingerprint
from line_inspector.streams import FRAMES

SLOTS = 48
ZMQ_FRAMES = 8  # under way in each socket
STAMP = struct.Struct("<qIIII")  # when it was sent, height, width, number of the frame, fingerprint
CAMERA = "bench"
OWNER = "bench-"  # and the process


@dataclass(frozen=True)
class Taken:
    """One frame that has arrived: when its sender began with it, monotonic ns."""

    sent_ns: int


class Taker(Protocol):
    """The receiving end."""

    @property
    def socket(self) -> "zmq.Socket[bytes]":
        """Readable when something has come."""
        ...

    def take(self) -> list[Taken]:
        """What has come, each looked at. Raises ValueError for a frame that is not the one that was sent."""
        ...


class Giver(Protocol):
    """The sending end."""

    under_way: int  # frames that may be sent before the first of them is taken

    def give(self, frame: Frame, number: int) -> bool:
        """Send a frame, mono (H, W); False when it must be tried again."""
        ...

    def close(self) -> None: ...


class RingGiver:
    """As a camera's station sends a frame. `owner` names the ring."""

    under_way = SLOTS - 2

    def __init__(self, folder: Path, owner: str, frame_bytes: int) -> None:
        self._ring = RingWriter(owner, CAMERA, Geometry(SLOTS, frame_bytes))
        self._frames = Bus(folder).sender(FRAMES)

    def give(self, frame: Frame, number: int) -> bool:
        """See Giver."""
        sent_ns = time.monotonic_ns()
        part_id = f"{CAMERA}-{number}"
        slot = self._ring.write(frame, part_id, 0, 0, sent_ns)
        ready = FrameReady(part_id=part_id, camera=CAMERA, slot=slot, captured_ns=sent_ns, deadline_ns=sent_ns)
        return self._frames.send(ready)

    def close(self) -> None:
        self._frames.close()
        self._ring.close()


class RingTaker:
    """As a worker takes a frame: in its slot, checked before and after."""

    def __init__(self, folder: Path) -> None:
        self._frames = Bus(folder).receiver(FRAMES, FrameReady)
        self._ring = RingReader()
        self.socket = self._frames.socket

    def take(self) -> list[Taken]:
        """See Taker. Raises TornFrame."""
        taken = []
        for ready in self._frames.drain():
            self._ring.view(ready.slot, ready.part_id)
            self._ring.check(ready.slot, ready.part_id)
            taken.append(Taken(ready.captured_ns))
        return taken


class ZmqGiver:
    """The pixels as a message of their own, copied by ZeroMQ."""

    under_way = 2**31

    def __init__(self, folder: Path, _owner: str, _frame_bytes: int) -> None:
        self._socket = _socket(zmq.PUSH)
        self._socket.connect(_endpoint(folder))

    def give(self, frame: Frame, number: int) -> bool:
        """See Giver."""
        stamp = STAMP.pack(time.monotonic_ns(), *frame.shape, number % 2**32, fingerprint(frame))
        if not self._socket.poll(0, zmq.POLLOUT):
            return False
        self._socket.send(stamp, zmq.SNDMORE)
        self._socket.send(frame.data)
        return True

    def close(self) -> None:
        self._socket.close()


class ZmqTaker:
    """Takes it out of the socket, as bytes of its own."""

    def __init__(self, folder: Path) -> None:
        self.socket = _socket(zmq.PULL)
        self.socket.bind(_endpoint(folder))

    def take(self) -> list[Taken]:
        """See Taker."""
        taken = []
        while self.socket.poll(0):
            stamp, pixels = self.socket.recv_multipart()
            sent_ns, height, width, _, checksum = STAMP.unpack(stamp)
            if fingerprint(np.frombuffer(pixels, np.uint8).reshape(height, width)) != checksum:
                raise ValueError("another frame than the one that was sent")
            taken.append(Taken(sent_ns))
        return taken


GIVERS: dict[str, type[RingGiver] | type[ZmqGiver]] = {"ring": RingGiver, "zeromq": ZmqGiver}
TAKERS: dict[str, type[RingTaker] | type[ZmqTaker]] = {"ring": RingTaker, "zeromq": ZmqTaker}


def owner() -> str:
    """A name for this process's ring."""
    return f"{OWNER}{os.getpid()}"


def remove_abandoned() -> None:
    """Removes the rings of measurements that were killed."""
    for segment in SHM.glob(f"{PREFIX}.{OWNER}*"):
        pid = segment.name.removeprefix(f"{PREFIX}.{OWNER}").partition(".")[0]
        if not Path("/proc", pid).exists():
            segment.unlink(missing_ok=True)


def _socket(kind: int) -> "zmq.Socket[bytes]":
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, ZMQ_FRAMES)
    socket.setsockopt(zmq.RCVHWM, ZMQ_FRAMES)
    return socket


def _endpoint(folder: Path) -> str:
    return f"ipc://{folder / 'zeromq'}"
