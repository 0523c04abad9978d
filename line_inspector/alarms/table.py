"""The one table of alarms. Decision, the operators' page, docs/alarms.md and the tests read it."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How soon somebody must look. CRITICAL: now, because parts are wasted or the line cannot be trusted."""

    WARNING = "warning"
    CRITICAL = "critical"


class Effect(StrEnum):
    """What an alarm does to the line while it stands."""

    NONE = "none"
    STOP_REQUEST = "stop request"
    ACCEPTS_STOP = "accepts stop"


class Subject(StrEnum):
    """What an alarm is about: the line as a whole, or one camera of it, so that it may stand once for each."""

    LINE = "line"
    CAMERA = "camera"


@dataclass(frozen=True)
class Alarm:
    """One row. A `latching` alarm stands until its cause is gone and an operator has acknowledged it.

    `meaning` says what has been seen, `next_step` what the operator does about it.
    """

    name: str
    severity: Severity
    effect: Effect
    latching: bool
    subject: Subject
    meaning: str
    next_step: str

    @property
    def outlives_restart(self) -> bool:
        """Whether it still stands when decision was started anew: nobody has seen to it, or nothing may be accepted."""
        return self.latching or self.effect is Effect.ACCEPTS_STOP


REJECT_UNCONFIRMED = Alarm(
    "reject_unconfirmed",
    Severity.CRITICAL,
    Effect.STOP_REQUEST,
    True,
    Subject.LINE,
    "a rejected part was not seen falling into the reject bin",
    "Stop the line. Find the part downstream of the gate and take it out; test gate and bin sensor; acknowledge.",
)
BIN_FULL = Alarm(
    "bin_full",
    Severity.CRITICAL,
    Effect.STOP_REQUEST,
    False,
    Subject.LINE,
    "the reject bin is full, so that the next reject may stay on the belt",
    "Stop the line and empty the reject bin.",
)
REJECTS_IN_ROW = Alarm(
    "rejects_in_row",
    Severity.CRITICAL,
    Effect.STOP_REQUEST,
    True,
    Subject.CAMERA,
    "many parts in a row were rejected",
    "Look at the last rejects on this page: the same defect means the process, no defect means light, lens or product."
    " Mend it, then acknowledge.",
)
REJECTS_IN_WINDOW = Alarm(
    "rejects_in_window",
    Severity.CRITICAL,
    Effect.STOP_REQUEST,
    True,
    Subject.CAMERA,
    "many of the latest parts were rejected",
    "Look at the last rejects on this page and at the reasons in the totals; mend the cause, then acknowledge.",
)
CAMERA_BLIND = Alarm(
    "camera_blind",
    Severity.CRITICAL,
    Effect.STOP_REQUEST,
    False,
    Subject.CAMERA,
    "the camera gives no picture that can be used; its parts are rejected",
    "Read what it says of the last part. Black, white, always the same or no pictures: check its light, lens cap, cable"
    " and trigger. Frames of a wrong size: the line file says which a camera may give. It ends with the next usable"
    " picture.",
)
WORKER_SLOW = Alarm(
    "worker_slow",
    Severity.WARNING,
    Effect.NONE,
    False,
    Subject.LINE,
    "many parts get no verdict in time and are rejected for it",
    "Slow the line down; look for another program that loads this machine.",
)
WORKER_DOWN = Alarm(
    "worker_down",
    Severity.CRITICAL,
    Effect.STOP_REQUEST,
    False,
    Subject.LINE,
    "inference is silent, or no worker has the line's model, so that every part is rejected",
    "Wait 10 s for its restart; if it does not come back, restart the line and call maintenance. Look for workers"
    " on other hosts, and for their copy of the model, as docs/remote.md says.",
)
LEDGER_DOWN = Alarm(
    "ledger_down",
    Severity.WARNING,
    Effect.NONE,
    False,
    Subject.LINE,
    "the ledger's database takes nothing; decisions go on and are kept in the journal",
    "Start the database, or free its disk; do not restart the line meanwhile.",
)
JOURNAL_DOWN = Alarm(
    "journal_down",
    Severity.CRITICAL,
    Effect.STOP_REQUEST,
    False,
    Subject.LINE,
    "decisions cannot be put on record, so that every part is rejected",
    "Free space on the disk of data_dir.",
)
GATE_DOWN = Alarm(
    "gate_down",
    Severity.CRITICAL,
    Effect.STOP_REQUEST,
    False,
    Subject.LINE,
    "the gate takes no accepts, so that every part is rejected",
    "Check that the PLC is in automatic mode, and its network cable.",
)
BELT_UNKNOWN = Alarm(
    "belt_unknown",
    Severity.CRITICAL,
    Effect.STOP_REQUEST,
    False,
    Subject.LINE,
    "the belt's encoder is silent, or stands although parts come, so that every part is rejected",
    "Check the encoder and its coupling, its counter, the network to it, and the station encoder.",
)
CHALLENGE_MISSED = Alarm(
    "challenge_missed",
    Severity.CRITICAL,
    Effect.ACCEPTS_STOP,
    True,
    Subject.CAMERA,
    "a known defect was accepted",
    "Hold back all parts since the last challenge that passed. Roll back the model, or mend light and lens. Accepting"
    " goes on when a later challenge has passed and this is acknowledged.",
)
CHALLENGE_UNANSWERED = Alarm(
    "challenge_unanswered",
    Severity.CRITICAL,
    Effect.ACCEPTS_STOP,
    False,
    Subject.CAMERA,
    "a known defect was rejected, but not for being one",
    "Nothing, if it ends by itself: challenges are repeated until one passes. Otherwise look at its reason and at the"
    " other alarms.",
)
CHALLENGE_OVERDUE = Alarm(
    "challenge_overdue",
    Severity.WARNING,
    Effect.NONE,
    False,
    Subject.CAMERA,
    "a challenge is due, and there is no gap between parts to put it into",
    "Leave a gap of some seconds between parts; check that the folder of known defects holds pictures.",
)

ALARMS = (
    REJECT_UNCONFIRMED,
    BIN_FULL,
    REJECTS_IN_ROW,
    REJECTS_IN_WINDOW,
    CAMERA_BLIND,
    WORKER_SLOW,
    WORKER_DOWN,
    LEDGER_DOWN,
    JOURNAL_DOWN,
    GATE_DOWN,
    BELT_UNKNOWN,
    CHALLENGE_MISSED,
    CHALLENGE_UNANSWERED,
    CHALLENGE_OVERDUE,
)
BY_NAME = {alarm.name: alarm for alarm in ALARMS}
