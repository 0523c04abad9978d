"""Challenges: a known defect goes the way of every part, and must be rejected as one. When, and what it means."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from line_inspector.challenge_record import CHALLENGE_PREFIX, ChallengeOutcome, ChallengeRecord
from line_inspector.config import NS_PER_S, ChallengeSettings
from line_inspector.decision.policy import Finding, blame, judge, unanswered
from line_inspector.messages import Announcement, ChallengeRequest, Fault, Verdict
from line_inspector.part_record import Reason

ASKED_FOR_NS = 100_000_000  # capture puts it in within this, or not at all: the gap is over
TAKEN_WITHIN_NS = NS_PER_S
SETTLES_NS = NS_PER_S  # after a start, until everybody is connected
LATENCIES_KEPT = 50
USUAL = 0.9  # quantile of the latencies that a gap must leave room for
QUIET_NS = 2 * NS_PER_S  # a line without a part for so long has none right behind
ROOM = 3  # the challenge, the part that comes right behind it, and once more for a busy machine
MINUTES_NS = 60 * NS_PER_S


@dataclass
class _Pending:
    """A challenge on its way; `announcement` once capture has put it in."""

    request: ChallengeRequest
    cause: str
    asked_ns: int
    asked_wall_ns: int
    announcement: Announcement | None = None
    held: Verdict | Fault | None = None  # an answer that was faster than the announcement


@dataclass
class _Course:
    """The challenges of one camera. A frame is repeated until it has passed, then the next one is taken."""

    frames: Sequence[str]
    next_ns: int
    cause: str = "start"
    due_since_ns: int | None = None
    frame: int = 0
    pending: _Pending | None = None
    version: str = ""


class Challenges:
    """Asks for challenges when they are due and there is room, and says how each one went.

    `frames` are the names of each camera's pictures; `unpassed` those of them with which it begins, since the process
    before this one ended before they had passed. Nothing here can accept a part: a challenge is known by its id,
    and whatever comes of it ends in a ChallengeRecord.
    """

    def __init__(
        self,
        settings: ChallengeSettings,
        frames: Mapping[str, Sequence[str]],
        deadline_ns: int,
        now_ns: int,
        unpassed: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._settings, self._deadline_ns = settings, deadline_ns
        self._courses = {camera: _Course(names, now_ns + SETTLES_NS) for camera, names in frames.items()}
        for camera, name in unpassed.items():
            if name in frames[camera]:
                self._courses[camera].frame = frames[camera].index(name)
        self._latencies_ns: deque[int] = deque(maxlen=LATENCIES_KEPT)
        self._quiet_since_ns: int | None = None  # no part has been decided since
        self._run, self._number = f"{now_ns:x}", 0

    def decided(self, camera: str, version: str, latency_ns: int) -> None:
        """A real part was decided on a verdict of this model, so long after its trigger."""
        self._latencies_ns.append(latency_ns)
        self._quiet_since_ns = None
        course = self._courses.get(camera)
        if course and version and version != course.version:
            if course.version:
                self._hasten(course, "model")
            course.version = version

    def hasten(self, cause: str) -> None:
        """A challenge of every camera is due now, such as at the begin of a shift."""
        for course in self._courses.values():
            self._hasten(course, cause)

    def due(self, waiting_parts: int, worker_alive: bool, now_ns: int, wall_ns: int) -> list[ChallengeRequest]:
        """What to ask capture for now: nothing while parts wait, or one right behind could be late for it."""
        has_room = worker_alive and self._has_room(waiting_parts, now_ns)
        asked = []
        for camera, course in self._courses.items():
            self._settle_due(course, now_ns)
            if course.due_since_ns is not None and not course.pending and course.frames and has_room:
                self._number += 1
                request = ChallengeRequest(
                    part_id=f"{CHALLENGE_PREFIX}{camera}-{self._run}-{self._number:06d}",
                    camera=camera,
                    frame=course.frames[course.frame % len(course.frames)],
                    expires_ns=now_ns + ASKED_FOR_NS,
                )
                course.pending = _Pending(request, course.cause, now_ns, wall_ns)
                asked.append(request)
        return asked

    def overdue(self, camera: str, now_ns: int) -> bool:
        """Whether a challenge of this camera has been due for too long."""
        course = self._courses[camera]
        since_ns = course.due_since_ns
        return since_ns is not None and now_ns - since_ns > self._settings.overdue_s * NS_PER_S

    def announce(self, announcement: Announcement, now_ns: int, wall_ns: int) -> list[ChallengeRecord]:
        """Capture has put a challenge in; one that nobody waits for any more is ignored."""
        pending = self._pending(announcement.part_id)
        if not pending:
            return []
        pending.announcement = announcement
        return self.answer(pending.held, now_ns, wall_ns) if pending.held else []

    def answer(self, answer: Verdict | Fault, now_ns: int, wall_ns: int) -> list[ChallengeRecord]:
        """What inference or capture says of a challenge, judged as of any part."""
        pending = self._pending(answer.part_id)
        if not pending:
            return []
        if not pending.announcement:
            pending.held = answer
            return []
        if isinstance(answer, Fault):
            return [self._concluded(pending, blame(answer), None, now_ns, wall_ns)]
        return [self._concluded(pending, judge(answer, pending.announcement, now_ns), answer, now_ns, wall_ns)]

    def expire(self, worker_down: bool, now_ns: int, wall_ns: int) -> list[ChallengeRecord]:
        """Those whose deadline has passed, unanswered."""
        late = [
            course.pending
            for course in self._courses.values()
            if course.pending and course.pending.announcement and course.pending.announcement.deadline_ns <= now_ns
        ]
        return [self._concluded(pending, unanswered(worker_down), None, now_ns, wall_ns) for pending in late]

    def _settle_due(self, course: _Course, now_ns: int) -> None:
        pending = course.pending
        if pending and not pending.announcement and now_ns - pending.asked_ns > TAKEN_WITHIN_NS:
            course.pending = None  # there was no gap; it stays due
        if course.due_since_ns is None and now_ns >= course.next_ns:
            course.due_since_ns = now_ns

    def _has_room(self, waiting_parts: int, now_ns: int) -> bool:
        if self._quiet_since_ns is None:
            self._quiet_since_ns = now_ns
        if waiting_parts > self._settings.most_open:
            return False
        if not self._latencies_ns or now_ns - self._quiet_since_ns > QUIET_NS:
            return True
        usual_ns = sorted(self._latencies_ns)[int(USUAL * (len(self._latencies_ns) - 1))]
        return ROOM * usual_ns <= self._deadline_ns

    def _pending(self, part_id: str) -> _Pending | None:
        found = (course.pending for course in self._courses.values() if course.pending)
        return next((pending for pending in found if pending.request.part_id == part_id), None)

    def _hasten(self, course: _Course, cause: str) -> None:
        if course.due_since_ns is None:
            course.cause, course.next_ns = cause, 0

    def _concluded(
        self, pending: _Pending, finding: Finding, verdict: Verdict | None, now_ns: int, wall_ns: int
    ) -> ChallengeRecord:
        course = self._courses[pending.request.camera]
        outcome = _outcome(finding)
        passed = outcome is ChallengeOutcome.PASSED
        pause_ns = self._settings.every_min * MINUTES_NS if passed else self._settings.retry_s * NS_PER_S
        course.pending, course.due_since_ns = None, None
        course.cause, course.next_ns = "schedule" if passed else "repetition", now_ns + int(pause_ns)
        course.frame += passed
        if passed and verdict:
            course.version = verdict.model_version  # the model before may have answered: the next part then tells
        return ChallengeRecord(
            part_id=pending.request.part_id,
            camera=pending.request.camera,
            frame=pending.request.frame,
            cause=pending.cause,
            asked_wall_ns=pending.asked_wall_ns,
            decided_wall_ns=wall_ns,
            outcome=outcome,
            reason=finding.reason,
            detail=finding.detail,
            score=verdict.score if verdict else None,
            threshold=verdict.threshold if verdict else None,
            model_version=verdict.model_version if verdict else "",
            fingerprint=verdict.fingerprint if verdict else None,
        )


def _outcome(finding: Finding) -> ChallengeOutcome:
    if finding.reason is Reason.ANOMALY:
        return ChallengeOutcome.PASSED
    return ChallengeOutcome.MISSED if finding.reason is Reason.GOOD else ChallengeOutcome.UNANSWERED
