"""Every message that crosses a process border, as frozen typed structs on MessagePack.

The first byte on the wire is FORMAT_VERSION, the next four are the checksum of what follows, so that a message damaged
on its way is no other message; a reader refuses any other version, a wrong checksum and anything malformed with
MalformedMessage, which the bus counts. Times are CLOCK_MONOTONIC nanoseconds of the host unless the name says wall.
"""

import zlib
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec

FORMAT_VERSION = 2
HEAT_SIDE_PX = 64

# A moment that everything downstream can compute with; CLOCK_MONOTONIC reaches a quarter of it in 36 years.
Moment = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class MalformedMessage(Exception):
    """Bytes that are not a message of the expected type and version."""


class Reason(StrEnum):
    """Why a part was decided as it was. Only GOOD accepts; every other reason rejects."""

    GOOD = "good"
    ANOMALY = "anomaly"
    NO_VERDICT = "no_verdict"
    WORKER_DOWN = "worker_down"
    SKIPPED_LATE = "skipped_late"
    LATE_TRIGGER = "late_trigger"
    NO_FRAME = "no_frame"
    CAMERA_DOWN = "camera_down"
    BAD_FRAME = "bad_frame"
    TORN_FRAME = "torn_frame"
    OVERRUN = "overrun"
    WRONG_FRAME = "wrong_frame"
    BAD_SCORE = "bad_score"
    ENGINE_FAULT = "engine_fault"
    JOURNAL_DOWN = "journal_down"
    GATE_DOWN = "gate_down"


class Message(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """Base of all messages; encoded as an array, so field order is part of the format."""


class Scene(Message, frozen=True):
    """What lies before the lens, in simulation only: a file, or what the renderer draws. Real cameras ignore it."""

    file: str = ""
    seed: int = 0
    defect: str = ""


class SlotRef(Message, frozen=True):
    """Where a frame lies: ring segment, slot, and the generation that the slot must still carry when it is read."""

    ring: str
    slot: int
    generation: int


class Trigger(Message, frozen=True):
    """A part has reached the camera. The source keeps it until capture acknowledges it."""

    part_id: str
    camera: str
    trigger_ns: Moment
    scene: Scene = Scene()


class Announcement(Message, frozen=True):
    """A part exists and must be decided by its deadline. Capture keeps it until decision has committed the part."""

    part_id: str
    camera: str
    trigger_ns: Moment
    trigger_wall_ns: int
    deadline_ns: Moment
    gate_ns: Moment


class FrameReady(Message, frozen=True):
    """The part's frame is complete in the ring."""

    part_id: str
    camera: str
    slot: SlotRef
    captured_ns: int
    deadline_ns: int


class Verdict(Message, frozen=True):
    """What the model says of one frame.

    `heat` is the anomaly map, HEAT_SIDE_PX x HEAT_SIDE_PX uint8, row by row, 255 = certain defect; what reaches
    `pixel_threshold`, 0..1, is worth outlining. `fingerprint` is
    the checksum of the very pixels that were inspected (ring.fingerprint).
    """

    part_id: str
    camera: str
    slot: SlotRef
    score: float
    threshold: float
    pixel_threshold: float
    model_version: str
    fingerprint: int
    captured_ns: int
    inference_start_ns: int
    inference_end_ns: int
    heat: bytes


class Fault(Message, frozen=True):
    """Why a part will get no verdict, from capture or inference, so that the reject carries its true reason."""

    part_id: str
    camera: str
    reason: Reason
    detail: str


class Ack(Message, frozen=True):
    """The receiver has taken responsibility for the message with this key."""

    key: str


class AcceptPart(Message, frozen=True):
    """To the gate: let this very part pass while it is in its window. Nothing else ever opens the gate."""

    part_id: str
    camera: str
    window_start_ns: int
    window_end_ns: int


class Heartbeat(Message, frozen=True):
    """To the gate: decision is alive. The gate rejects everything when it stops."""

    sent_ns: int


class PartRecord(Message, frozen=True):
    """All that is known of a decided part: one line of the journal, one row of the ledger.

    Times that a part never reached are None, and so are score, threshold and fingerprint without a verdict.
    """

    part_id: str
    camera: str
    trigger_wall_ns: int
    trigger_ns: int
    captured_ns: int | None
    inference_start_ns: int | None
    inference_end_ns: int | None
    verdict_ns: int | None
    decided_ns: int
    deadline_ns: int
    gate_ns: int
    accepted: bool
    reason: Reason
    detail: str
    score: float | None
    threshold: float | None
    model_version: str
    fingerprint: int | None


class Result(Message, frozen=True):
    """One decided part, for the eyes of operators. `slot` is None when there is no frame to show."""

    part_id: str
    camera: str
    accepted: bool
    reason: Reason
    score: float | None
    threshold: float | None
    pixel_threshold: float | None
    model_version: str
    slot: SlotRef | None
    heat: bytes
    trigger_wall_ns: int
    trigger_ns: int
    decided_ns: int


class Health(Message, frozen=True):
    """A station is alive; `counters` are totals since its start."""

    station: str
    pid: int
    sent_ns: int
    state: str
    counters: dict[str, int]


M = TypeVar("M", bound=Message)

_encoder = msgspec.msgpack.Encoder()
_decoders: dict[type[Message], msgspec.msgpack.Decoder[Message]] = {}


def encode(message: Message) -> bytes:
    """The message on the wire: one version byte, its CRC-32 (4 bytes, little-endian), then MessagePack."""
    return sealed(_encoder.encode(message))


def decode(data: bytes, kind: type[M]) -> M:
    """The message in `data`. Raises MalformedMessage for another version, another type, or damage."""
    decoder = _decoders.setdefault(kind, msgspec.msgpack.Decoder(kind))
    try:
        message = decoder.decode(unsealed(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise MalformedMessage(f"not a {kind.__name__}: {e}") from e
    assert isinstance(message, kind)
    return message


def sealed(body: bytes) -> bytes:
    """MessagePack as it goes onto the wire."""
    return bytes((FORMAT_VERSION,)) + zlib.crc32(body).to_bytes(4, "little") + body


def unsealed(data: bytes) -> memoryview:
    """The MessagePack in what came off the wire. Raises MalformedMessage for another version and for damage."""
    if data[:1] != bytes((FORMAT_VERSION,)):
        raise MalformedMessage(f"version {data[:1].hex() or 'missing'}, expected {FORMAT_VERSION:02x}")
    body = memoryview(data)[5:]
    if data[1:5] != zlib.crc32(body).to_bytes(4, "little"):
        raise MalformedMessage("its checksum is wrong: it was damaged on its way")
    return body
