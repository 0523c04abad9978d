"""The worker's end: takes frames from its line, and from nobody else, and sends the answers back."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zmq
from msgspec.structs import replace
from zmq.utils.monitor import recv_monitor_message

from line_inspector import encoding
from line_inspector.bus import DRAINED_AT_ONCE
from line_inspector.config import WorkerSettings
from line_inspector.encoding import MalformedMessage
from line_inspector.errors import InputError
from line_inspector.images import Frame
from line_inspector.messages import Call, Fault, FrameReady, Reply, Verdict
from line_inspector.streams import WORK
from line_inspector.workers.connection_events import connection_events
from line_inspector.workers.curve import serve_curve
from line_inspector.workers.delay import Delay
from line_inspector.workers.inflow import Inflow
from line_inspector.workers.model_id import NO_MODEL, ModelId
from line_inspector.workers.workload import MOST_WAITING

log = logging.getLogger("worker")

REMEMBERED_LINES = 8  # connections; the line makes a new one after every silence
BEYOND_PIXELS_BYTES = 65_536
MOST_UNFINISHED = 4  # largest messages, of all connections: the line's, and those that it has just given up


@dataclass(frozen=True)
class Request:
    """A frame to be inspected with `model`. Its deadline is by this host's clock; `caller` and `called_ns` go back.

    `pixels` is None where the frame lies in the ring, on this host.
    """

    frame: FrameReady
    pixels: Frame | None
    model: ModelId
    caller: bytes
    called_ns: int


class Door:
    """Where the line's calls come in. Whatever is malformed, or of an impossible shape, is counted in `refused`."""

    def __init__(
        self,
        name: str,
        settings: WorkerSettings,
        sockets_dir: Path,
        frame_bytes: int,
        clock: Callable[[], int],
        *,
        context: "zmq.Context[zmq.Socket[bytes]] | None" = None,
    ) -> None:
        """`frame_bytes` is the largest frame of any camera. Raises InputError for missing keys or a taken address."""
        self.refused = 0
        self.wanted = NO_MODEL
        self._clock = clock
        self._delays: OrderedDict[bytes, Delay] = OrderedDict()
        self.socket: zmq.Socket[bytes] = (context or zmq.Context.instance()).socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVHWM, MOST_WAITING)
        self.socket.setsockopt(zmq.MAXMSGSIZE, frame_bytes + BEYOND_PIXELS_BYTES)
        self._inflow = Inflow(MOST_UNFINISHED * (frame_bytes + BEYOND_PIXELS_BYTES))
        self._events: zmq.Socket[bytes] | None = None
        address = settings.host
        if settings.is_local:
            sockets_dir.mkdir(parents=True, exist_ok=True)
            address = WORK.endpoint(sockets_dir, name)
        elif settings.keys:
            serve_curve(self.socket, settings.keys, name)
            self._events = connection_events(self.socket, zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        else:
            raise InputError("listens to another host without keys", f"worker {name}", "Set its keys")
        try:
            self.socket.bind(address)
        except zmq.ZMQError as e:
            what = f"cannot listen at {address} ({e.strerror})"
            raise InputError(what, f"worker {name}", "It must be an address of this host, and free") from e

    def drain(self, reply: Reply) -> Iterator[Request]:
        """Frames that have arrived, oldest first. Every call is answered with `reply`: a sign of life."""
        self._look()
        for _ in range(DRAINED_AT_ONCE):
            try:
                caller, *parts = self.socket.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                break
            self._inflow.completed(caller)
            try:
                request = self._request(caller.bytes, [part.buffer for part in parts], reply)
            except MalformedMessage:
                self.refused += 1
                continue
            if request:
                yield request
        self._cut()

    def answer(self, request: Request, answer: Verdict | Fault, reply: Reply) -> None:
        """Sends what became of the frame; lost where the line is gone, which has given it to another by then."""
        holds = "verdict" if isinstance(answer, Verdict) else "fault"
        reply = replace(reply, called_ns=request.called_ns, holds=holds)
        self._send(request.caller, [encoding.encode(reply), encoding.encode(answer)])

    def close(self) -> None:
        """Stops listening."""
        if self._events:
            self.socket.monitor(None, 0)
            self._events.close()
        self.socket.close()

    def _look(self) -> None:
        while self._events and self._events.poll(0):
            event = recv_monitor_message(self._events)
            tell = self._inflow.opened if event["event"] == zmq.EVENT_ACCEPTED else self._inflow.closed
            tell(event["value"])
        self._inflow.look()

    def _cut(self) -> None:
        ended = self._inflow.cut()
        if ended:
            self.refused += ended
            log.warning("cut off who sent a message without end: %d connections", ended)

    def _request(self, caller: bytes, parts: list[memoryview], reply: Reply) -> Request | None:
        if not 1 <= len(parts) <= 3:
            raise MalformedMessage(f"{len(parts)} parts")
        call = encoding.decode(bytes(parts[0]), Call)
        frame = encoding.decode(bytes(parts[1]), FrameReady) if len(parts) > 1 else None
        pixels = _pixels(call, parts[2]) if len(parts) == 3 else None
        arrived_ns = self._clock()
        delay_ns = self._delay(caller).of(call.sent_ns, arrived_ns)
        model = ModelId(call.model_version, call.model_sha256)
        if frame is None:
            self.wanted = model
            self._send(caller, [encoding.encode(replace(reply, called_ns=call.sent_ns, holds=""))])
            return None
        deadline_ns = arrived_ns + call.remaining_ns - delay_ns
        return Request(replace(frame, deadline_ns=deadline_ns), pixels, model, caller, call.sent_ns)

    def _delay(self, caller: bytes) -> Delay:
        if caller not in self._delays:
            self._delays[caller] = Delay()
            if len(self._delays) > REMEMBERED_LINES:
                self._delays.popitem(last=False)
        return self._delays[caller]

    def _send(self, caller: bytes, parts: list[bytes]) -> None:
        try:
            self.socket.send_multipart([caller, *parts], zmq.DONTWAIT)
        except zmq.Again:
            return


def _pixels(call: Call, part: memoryview) -> Frame:
    height_px, width_px, channels = call.height_px, call.width_px, call.channels
    if min(height_px, width_px) < 1 or channels not in (1, 3) or len(part) != height_px * width_px * channels:
        raise MalformedMessage(f"{len(part)} bytes for {width_px} x {height_px} x {channels}")
    shape = (height_px, width_px) if channels == 1 else (height_px, width_px, channels)
    return np.frombuffer(part, np.uint8).reshape(shape)
