"""What became of a part, and why: one line of the journal, one row of the ledger."""

from enum import StrEnum

import msgspec

from line_inspector.encoding import Message


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
    LATE_VIEW = "late_view"
    BELT_UNKNOWN = "belt_unknown"
    REPEATED_FRAME = "repeated_frame"
    CAMERA_BLIND = "camera_blind"
    ACCEPTS_STOPPED = "accepts_stopped"
    WRONG_MODEL = "wrong_model"


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


def views_of(record: PartRecord) -> list[ViewRecord]:
    """What each camera saw of a part that several see; empty for any other, and for what is no list of views."""
    try:
        return msgspec.json.decode(record.views, type=list[ViewRecord]) if record.views else []
    except msgspec.DecodeError:
        return []


OF_NO_PART = frozenset({Reason.DOUBLE_TRIGGER, Reason.LATE_VIEW})  # only who knows the triggers can say so


def is_part(record: PartRecord) -> bool:
    """Whether the record is of a part of its own: not of a second trigger, or a belated view, of another one.

    Nothing falls into a bin for one that is not.
    """
    doubles = record.reason is Reason.DOUBLE_TRIGGER and len(views_of(record)) < 2
    return not doubles and record.reason is not Reason.LATE_VIEW


def view_ids(record: PartRecord) -> tuple[str, ...]:
    """The ids of all views of a part, its own among them."""
    return tuple(view.part_id for view in views_of(record)) or (record.part_id,)
