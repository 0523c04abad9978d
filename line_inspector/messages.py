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
CHALLENGE_PREFIX = "challenge:"  # no camera and no line may have a colon in its name

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
    TOUCHING = "touching"
    DOUBLE_TRIGGER = "double_trigger"
    GAP_UNKNOWN = "gap_unknown"
    VIEW_MISSING = "view_missing"
    BELT_UNKNOWN = "belt_unknown"
    CAMERA_BLIND = "camera_blind"
    ACCEPTS_STOPPED = "accepts_stopped"
    WRONG_MODEL = "wrong_model"


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
    """A part exists and must be decided by its deadline. Capture keeps it until decision has committed the part.

    No other trigger of the camera lies between `free_from_ns` and `free_until_ns`, as far as it has watched so far; it
    says so again, in the same message, when it knows more. `followed`: another one does lie at `free_until_ns`.
    """

    part_id: str
    camera: str
    trigger_ns: Moment
    trigger_wall_ns: int
    deadline_ns: Moment
    gate_ns: Moment
    free_from_ns: int | None = None
    free_until_ns: int | None = None
    followed: bool = False


class Encoder(Message, frozen=True):
    """How far the belt had come at `read_ns`, in counts of its encoder, which only ever grow."""

    count: int
    read_ns: int


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


class Call(Message, frozen=True):
    """The line to one of its workers, five times a second, and with every frame; nothing here is of the worker's clock.

    A FrameReady follows as a second part, and the pixels as a third where the worker is on another host. `sent_ns` is
    the line's clock, and comes back in the next Reply. `remaining_ns` is how much time the answer has left. The model
    is what the line wants inspected with: version, and SHA-256 of its manifest; empty while the line has none.
    """

    sent_ns: int
    remaining_ns: int
    model_version: str
    model_sha256: str
    height_px: int
    width_px: int
    channels: int


class Reply(Message, frozen=True):
    """A worker to its line: to every Call, and with every answer, which follows as a second part.

    `holds` is "verdict", "fault", or empty. `model_version` and `model_sha256` are of the model that it has loaded,
    empty while it has none; `latency_ns` is what one frame takes it.
    """

    called_ns: int
    model_version: str
    model_sha256: str
    latency_ns: int
    holds: str


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
    """To the gate: decision is alive. The gate rejects everything when it stops. `stop_requested` asks for a stop."""

    sent_ns: int
    stop_requested: bool = False


class BinCount(Message, frozen=True):
    """From the sensor of the reject bin: how many parts it has counted (modulo 2^16), when the last, and if it is full.

    Another `run` means that it counts from the beginning.
    """

    run: int
    count: int
    seen_ns: int
    full: bool


class StandingAlarm(Message, frozen=True):
    """One alarm of `alarms/table.py` that stands. `subject` is a camera, or empty for the line."""

    name: str
    subject: str
    detail: str
    since_wall_ns: int
    present: bool
    acknowledged: bool


class AlarmsStanding(Message, frozen=True):
    """All alarms that stand, and whether the line is asked to stop, for the eyes of operators."""

    sent_ns: int
    alarms: tuple[StandingAlarm, ...]
    stop_requested: bool


class ChallengeRequest(Message, frozen=True):
    """To capture: put the known defect `frame` in as the part `part_id`, before `expires_ns` or not at all."""

    part_id: str
    camera: str
    frame: str
    expires_ns: int


class LoopBack(Message, frozen=True):
    """To the simulated gate: take the challenge `part_id` for a part that is before it at `gate_ns`."""

    part_id: str
    camera: str
    gate_ns: int


class AlarmAcknowledgement(Message, frozen=True):
    """An operator has seen an alarm."""

    name: str
    subject: str
    who: str


class PartRecord(Message, frozen=True):
    """All that is known of a decided part: one line of the journal, one row of the ledger.

    Times that a part never reached are None, and so are score, threshold and fingerprint without a verdict. `views` is
    a JSON array of what each camera saw, ViewRecord, where more than one sees the part; empty where one does. Score,
    model and times of such a part are those of the view that decided.
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
    views: str = ""


class ViewRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One camera's view of a part that several see, in PartRecord.views."""

    part_id: str
    camera: str
    trigger_ns: int
    captured_ns: int | None
    verdict_ns: int | None
    reason: str
    detail: str
    score: float | None
    threshold: float | None
    model_version: str
    fingerprint: int | None


class ChallengeOutcome(StrEnum):
    """MISSED: it was accepted. UNANSWERED: it was rejected, but for another reason than being an anomaly."""

    PASSED = "passed"
    MISSED = "missed"
    UNANSWERED = "unanswered"


class ChallengeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How a challenge went: one row of the ledger's table of challenges. `cause` says why it was made."""

    part_id: str
    camera: str
    frame: str
    cause: str
    asked_wall_ns: int
    decided_wall_ns: int
    outcome: ChallengeOutcome
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


def views_of(record: PartRecord) -> list[ViewRecord]:
    """What each camera saw of a part that several see; empty for any other, and for what is no list of views."""
    try:
        return msgspec.json.decode(record.views, type=list[ViewRecord]) if record.views else []
    except msgspec.DecodeError:
        return []


def view_ids(record: PartRecord) -> tuple[str, ...]:
    """The ids of all views of a part, its own among them."""
    return tuple(view.part_id for view in views_of(record)) or (record.part_id,)


def is_challenge(part_id: str) -> bool:
    """Whether the id is that of a challenge: a picture of a known defect, and no part."""
    return part_id.startswith(CHALLENGE_PREFIX)


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
