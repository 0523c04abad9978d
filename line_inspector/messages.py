"""Every message that crosses a process border. encoding.py says how.

Times are CLOCK_MONOTONIC nanoseconds of the host unless the name says wall.
"""

from line_inspector.encoding import Message, Moment, Uncertainty
from line_inspector.part_record import Reason

HEAT_SIDE_PX = 64


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
    """How far the belt had come at `read_ns`, in counts of its encoder.

    They grow; one below the one before says that the count begins anew, and nothing from before holds. The belt was
    there within `uncertain_ns` of that moment, before or after: a PLC counts in cycles, and is read in between.
    """

    count: int
    read_ns: int
    uncertain_ns: Uncertainty = 0


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


class Result(Message, frozen=True):
    """A decided part as one camera saw it, for the eyes of operators. `slot` is None when there is no frame to show.

    Of a part that several cameras see there is a result for each of them; exactly one `leads`, that of the view that
    decided. Score, model, picture and times are the view's own, `accepted` and `reason` the part's; `decided_by` is
    another camera where only that one gives the reason. The frame lies in the ring under `view_id`.
    """

    part_id: str
    view_id: str
    camera: str
    accepted: bool
    reason: Reason
    decided_by: str
    leads: bool
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
