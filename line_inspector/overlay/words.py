"""What the page says, in the plain words of a person who stands at the line at 3 a.m."""

from line_inspector.part_record import Reason

REASONS = {
    Reason.GOOD: "No defect found",
    Reason.ANOMALY: "Defect found",
    Reason.NO_VERDICT: "No verdict in time",
    Reason.WORKER_DOWN: "The inference station is down",
    Reason.SKIPPED_LATE: "Too late to be inspected",
    Reason.LATE_TRIGGER: "The trigger came too late for a picture",
    Reason.NO_FRAME: "The camera delivered no picture",
    Reason.CAMERA_DOWN: "The camera is down",
    Reason.BAD_FRAME: "The picture is unusable",
    Reason.TORN_FRAME: "The picture was overwritten before it was inspected",
    Reason.OVERRUN: "More parts came than the line can hold",
    Reason.WRONG_FRAME: "The verdict belongs to another picture",
    Reason.BAD_SCORE: "The model gave no usable score",
    Reason.ENGINE_FAULT: "The model failed",
    Reason.JOURNAL_DOWN: "The decision could not be recorded",
    Reason.GATE_DOWN: "The gate takes no accepts",
    Reason.TOUCHING: "Another part is too near",
    Reason.GAP_UNKNOWN: "It is not known whether another part is too near",
    Reason.DOUBLE_TRIGGER: "A second trigger for the same part",
    Reason.VIEW_MISSING: "One of the cameras has not seen the part",
    Reason.LATE_VIEW: "A camera reported this part after it was decided",
    Reason.BELT_UNKNOWN: "The belt's encoder is silent, uncertain, stands wrongly or counts anew",
    Reason.REPEATED_FRAME: "The camera gave the picture of the part before",
    Reason.CAMERA_BLIND: "The camera shows nothing, or always the same",
    Reason.ACCEPTS_STOPPED: "An alarm has stopped accepting",
    Reason.WRONG_MODEL: "No worker has the line's model",
}

CONSEQUENCES = {
    "decision": "the gate rejects every part",
    "inference": "parts are rejected without a verdict",
    "capture": "its parts are not inspected and are rejected",
    "encoder": "nobody knows where parts are, and they are rejected",
    "world": "no parts come",
}


def station_in_words(station: str) -> str:
    """`capture.top` is `Camera top`."""
    kind, _, instance = station.partition(".")
    name = {"capture": "Camera", "world": "Conveyor (simulated)"}.get(kind, kind.capitalize())
    return f"{name} {instance}".strip()


def reason_in_words(reason: str) -> str:
    """A reason of the messages, or of decision's counters, where a newer station may have one unknown here."""
    known = {known.value: words for known, words in REASONS.items()}
    return known.get(reason, reason.replace("_", " "))


def age_in_words(age_ns: int) -> str:
    """How long ago: `3 s`, `2 min 05 s`, `1 h 10 min`."""
    seconds = max(0, age_ns) // 1_000_000_000
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
