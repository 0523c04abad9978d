"""The line's end of one worker: sends frames, hears answers, and notices when it is gone."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import zmq
from zmq.utils.monitor import recv_monitor_message

from line_inspector import encoding
from line_inspector.bus import DRAINED_AT_ONCE, RECONNECT_MS
from line_inspector.config import WorkerSettings
from line_inspector.encoding import MalformedMessage
from line_inspector.images import Frame
from line_inspector.messages import Call, Fault, FrameReady, Reply, Verdict
from line_inspector.part_record import OF_NO_PART
from line_inspector.streams import ANSWERS, WORK
from line_inspector.workers.connection_events import connection_events
from line_inspector.workers.curve import SILENCE_MS, join_curve
from line_inspector.workers.inflow import Inflow
from line_inspector.workers.model_id import NO_MODEL, ModelId
from line_inspector.workers.workload import MOST_WAITING, Workload

log = logging.getLogger("inference")

LONGEST_RECONNECT_MS = 500
LONGEST_ANSWER_BYTES = 65_536  # ten times a heat map; a longer one would pass through decision and ledger
MOST_UNFINISHED_BYTES = 16 * LONGEST_ANSWER_BYTES  # of an answer that is still coming in
ROUND_TRIPS = 50  # the fastest of so many is what the way takes
REFUSED, IN_THE_CLEAR = zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
HUNG_UP = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL  # so does who has another key, but also who is just being stopped
WATCHED = zmq.EVENT_CONNECTED | zmq.EVENT_DISCONNECTED | REFUSED | IN_THE_CLEAR | HUNG_UP
OFTEN = 5
ANEW_NS = SILENCE_MS * 1_000_000  # libzmq never tries again where something answers that is not the worker


@dataclass(frozen=True)
class Heard:
    """What a worker has said, and `answer`, where it answered for a frame."""

    reply: Reply
    answer: Verdict | Fault | None


class Link:
    """One worker as the line sees it. Nothing here blocks, and nothing waits for a worker that is not there.

    When the worker falls silent the connection is thrown away, with all that it still held, and made anew.
    """

    def __init__(self, name: str, settings: WorkerSettings, sockets_dir: Path) -> None:
        """Raises InputError where keys are missing."""
        self.name = name
        self.load = Workload()
        self.refused = 0
        self.models: tuple[ModelId, ...] = ()
        self._remote = not settings.is_local
        self._address = settings.host if self._remote else WORK.endpoint(sockets_dir, name)
        self._heard_ns: int | None = None
        self._round_trips_ns: list[int] = []
        self._said = ""
        self._hung_up = 0
        self._anew_ns: int | None = None
        self._inflow = Inflow(MOST_UNFINISHED_BYTES)
        sockets_dir.mkdir(parents=True, exist_ok=True)
        self.socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, MOST_WAITING)
        self.socket.setsockopt(zmq.MAXMSGSIZE, LONGEST_ANSWER_BYTES)
        self.socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, LONGEST_RECONNECT_MS)
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        if settings.keys and self._remote:
            join_curve(self.socket, settings.keys, name)
        self.events = connection_events(self.socket, WATCHED)
        self.socket.connect(self._address)

    def call(self, call: Call) -> None:
        """A sign of life, and the line's wishes; lost where nobody is there."""
        self._send([encoding.encode(call)])

    def give(self, call: Call, frame: FrameReady, pixels: Frame | None, now_ns: int) -> bool:
        """Sends a frame, with its pixels where the worker cannot see the ring; False when it cannot be sent."""
        parts: list[bytes | memoryview] = [encoding.encode(call), encoding.encode(frame)]
        if not self._send(parts if pixels is None else [*parts, pixels.reshape(-1).data]):
            return False
        self.load.sent(frame.part_id, now_ns)
        return True

    @property
    def takes_pixels(self) -> bool:
        """Whether the worker is on another host."""
        return self._remote

    def drain(self, now_ns: int) -> Iterator[Heard]:
        """What has arrived, oldest first; never waits."""
        self._inflow.look()
        for _ in range(DRAINED_AT_ONCE):
            try:
                frames = self.socket.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                break
            self._inflow.completed(frames[0])
            try:
                heard = _decoded([frame.bytes for frame in frames])
            except MalformedMessage:
                self.refused += 1
                continue
            self._hear(heard, now_ns)
            yield heard
        ended = self._inflow.cut()
        if ended:
            self.refused += ended
            self._say("sent a message without end, and is cut off")

    def alive(self, now_ns: int) -> bool:
        """Whether it has been heard within the time that the streams table allows."""
        return self._heard_ns is not None and now_ns - self._heard_ns <= ANSWERS.dead_after_ns

    def lost(self, now_ns: int) -> bool:
        """True once after the worker has gone or fallen silent; the connection is then made anew.

        So it is where another has answered in the worker's place, or has refused our key: that may be mended by now.
        """
        gone = self._gone(now_ns)
        if self._heard_ns is None:
            if self._anew_ns is not None and now_ns >= self._anew_ns:
                self._connect_anew()
            return False
        if not gone and self.alive(now_ns):
            return False
        self._say("is gone" if gone else "is silent")
        self._heard_ns, self.models = None, ()
        self._round_trips_ns.clear()
        self._connect_anew()
        return True

    def close(self) -> None:
        """Ends the connection."""
        self.socket.monitor(None, 0)
        self.events.close()
        self.socket.close()

    def lacks(self, model: ModelId) -> None:
        """The worker has said that it no longer has this model."""
        self.models = tuple(known for known in self.models if known != model)

    def _hear(self, heard: Heard, now_ns: int) -> None:
        if self._heard_ns is None:
            self._say("is there")
            self._hung_up, self._anew_ns = 0, None
        self._heard_ns, reply = now_ns, heard.reply
        offered = ModelId(reply.model_version, reply.model_sha256)
        if offered != NO_MODEL and offered not in self.models[:1]:
            self.models = (offered, *self.models[:1])  # a worker keeps its last model for a while
        self.load.guess(reply.latency_ns)
        if not reply.holds and 0 <= now_ns - reply.called_ns <= ANSWERS.dead_after_ns:
            self._round_trips_ns = [*self._round_trips_ns[1 - ROUND_TRIPS :], now_ns - reply.called_ns]
            self.load.round_trip_ns = min(self._round_trips_ns)

    def _connect_anew(self) -> None:
        self._anew_ns = None
        self.socket.disconnect(self._address)
        self.socket.connect(self._address)

    def _gone(self, now_ns: int) -> bool:
        gone = False
        while self.events.poll(0):
            message = recv_monitor_message(self.events)
            event, descriptor = message["event"], message["value"]
            if event == zmq.EVENT_CONNECTED:
                if self._remote:
                    self._inflow.opened(descriptor)
                continue
            if event == zmq.EVENT_DISCONNECTED:
                self._inflow.closed(descriptor)
            self._anew_ns = now_ns + ANEW_NS
            gone |= bool(event & zmq.EVENT_DISCONNECTED)
            self._hung_up = self._hung_up + 1 if event & HUNG_UP else self._hung_up
            if event & REFUSED:
                self._say("does not take our key")
            elif event & IN_THE_CLEAR:
                self._say("is no worker with keys: something else listens there")
            elif self._hung_up >= OFTEN:
                self._say("ends every connection as it begins: it hangs, or has another key than we know it by")
        return gone

    def _say(self, what: str) -> None:
        """One log line for each change, not one for each attempt."""
        if what != self._said:
            self._said = what
            log.log(logging.INFO if what == "is there" else logging.WARNING, "worker %s %s", self.name, what)

    def _send(self, parts: Sequence[bytes | memoryview]) -> bool:
        try:
            self.socket.send_multipart(parts, zmq.DONTWAIT, copy=False)
        except zmq.Again:
            return False
        return True


def _decoded(parts: list[bytes]) -> Heard:
    reply = encoding.decode(parts[0], Reply)
    kinds: dict[str, type[Verdict] | type[Fault]] = {"verdict": Verdict, "fault": Fault}
    if len(parts) == 1 and not reply.holds:
        return Heard(reply, None)
    if len(parts) != 2 or reply.holds not in kinds:
        raise MalformedMessage(f"{len(parts)} parts that hold {reply.holds!r}")
    answer = encoding.decode(parts[1], kinds[reply.holds])
    if isinstance(answer, Fault) and answer.reason in OF_NO_PART:  # believed, it would take a part out of the count
        raise MalformedMessage(f"a worker cannot know of a {answer.reason}")
    return Heard(reply, answer)
