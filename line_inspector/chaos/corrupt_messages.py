"""corrupt_messages: malformed messages on every socket that a station listens at, and bytes that are no protocol."""

import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import zmq

from line_inspector import encoding
from line_inspector.chaos.repeater import Repeater
from line_inspector.chaos.victim import Victim
from line_inspector.config import Line
from line_inspector.encoding import MalformedMessage, Message
from line_inspector.messages import (
    AcceptPart,
    AlarmAcknowledgement,
    Announcement,
    ChallengeRequest,
    Fault,
    FrameReady,
    LoopBack,
    SlotRef,
    Trigger,
    Verdict,
)
from line_inspector.part_record import Reason
from line_inspector.streams import (
    ACCEPTS,
    ACKNOWLEDGEMENTS,
    ANNOUNCEMENTS,
    CHALLENGES,
    FAULTS,
    FRAMES,
    LOOP_BACK,
    SHOTS,
    TRIGGERS,
    VERDICTS,
    Stream,
)

PERIOD_S = 0.005
FULL_DAMAGE = 8  # bytes that are changed at most in an otherwise whole message
SLOT = SlotRef(ring="none", slot=0, generation=0)
EXAMPLES: dict[type[Message], Message] = {
    Trigger: Trigger(part_id="chaos", camera="chaos", trigger_ns=1),
    Announcement: Announcement(
        part_id="chaos", camera="chaos", trigger_ns=1, trigger_wall_ns=1, deadline_ns=2, gate_ns=3
    ),
    FrameReady: FrameReady(part_id="chaos", camera="chaos", slot=SLOT, captured_ns=1, deadline_ns=2),
    Verdict: Verdict(
        part_id="chaos", camera="chaos", slot=SLOT, score=0.0, threshold=0.5, pixel_threshold=0.5, model_version="m",
        fingerprint=0, captured_ns=1, inference_start_ns=1, inference_end_ns=1, heat=b"",
    ),
    Fault: Fault(part_id="chaos", camera="chaos", reason=Reason.GOOD, detail=""),
    AcceptPart: AcceptPart(part_id="chaos", camera="chaos", window_start_ns=0, window_end_ns=2**62),
    AlarmAcknowledgement: AlarmAcknowledgement(name="rejects_in_row", subject="chaos", who="chaos"),
    ChallengeRequest: ChallengeRequest(part_id="challenge:chaos", camera="chaos", frame="chaos", expires_ns=2**62),
    LoopBack: LoopBack(part_id="challenge:chaos", camera="chaos", gate_ns=3),
}  # fmt: skip


class CorruptMessages:
    """Every 5 ms, at one socket, a message that is none of its stream.

    What happens to decode is not sent: the sockets are open to the line's own user only, and whoever can write whole
    messages there can as well stop the line.
    """

    def __init__(self, victim: Victim) -> None:
        self._rng = victim.rng
        self._targets = [
            *_sockets(victim.line, (ANNOUNCEMENTS, FRAMES, SHOTS, VERDICTS, FAULTS, ACKNOWLEDGEMENTS), ("",)),
            *_sockets(victim.line, (TRIGGERS, CHALLENGES), tuple(victim.line.cameras)),
            *_sockets(victim.world, (ACCEPTS, LOOP_BACK), ("",)),
        ]
        self._repeater: Repeater | None = None

    def inject(self) -> str:
        self._repeater = Repeater(self._send, PERIOD_S)
        return "200 malformed messages a second"

    def heal(self) -> None:
        if self._repeater:
            self._repeater.stop()
        for _, sender, _ in self._targets:
            sender.close(linger=0)

    def _send(self) -> None:
        stream, sender, path = self._rng.choice(self._targets)
        if self._rng.random() < 0.1:
            _send_raw(path, self._rng.randbytes(self._rng.randint(1, 300)))
            return
        parts = [malformed(stream.message, self._rng) for _ in range(self._rng.choice((1, 1, 1, 2, 3)))]
        with suppress(zmq.Again):
            sender.send_multipart(parts, zmq.DONTWAIT)


def malformed(kind: type[Message], rng: random.Random) -> bytes:
    """Bytes that are no message of this kind: a whole one with some bytes changed or missing, or any bytes at all."""
    while True:
        data = bytearray(encoding.encode(EXAMPLES[kind]))
        match rng.randrange(3):
            case 0:
                for _ in range(rng.randint(1, FULL_DAMAGE)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
            case 1:
                del data[rng.randrange(len(data)) :]
            case _:
                data = bytearray(rng.randbytes(rng.randint(0, 2000)))
        try:
            encoding.decode(bytes(data), kind)
        except MalformedMessage:
            return bytes(data)


def _sockets(
    line: Line, streams: tuple[Stream, ...], instances: tuple[str, ...]
) -> Iterator[tuple[Stream, "zmq.Socket[bytes]", Path]]:
    for stream in streams:
        for instance in instances:
            endpoint = stream.endpoint(line.sockets_dir, instance)
            sender: zmq.Socket[bytes] = zmq.Context.instance().socket(
                zmq.DEALER if stream.pattern.value.startswith("DEALER") else zmq.PUSH
            )
            sender.setsockopt(zmq.IMMEDIATE, 1)
            sender.connect(endpoint)
            yield stream, sender, Path(endpoint.removeprefix("ipc://"))


def _send_raw(path: Path, data: bytes) -> None:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(0.1)
        connection.connect(str(path))
        connection.sendall(data)
