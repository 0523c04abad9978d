"""What became of a challenge, a picture of a known defect: one row of the ledger's table of challenges."""

from enum import StrEnum

import msgspec

from line_inspector.part_record import Reason

CHALLENGE_PREFIX = "challenge:"  # no camera and no line may have a colon in its name


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


def is_challenge(part_id: str) -> bool:
    """Whether the id is that of a challenge: a picture of a known defect, and no part."""
    return part_id.startswith(CHALLENGE_PREFIX)
