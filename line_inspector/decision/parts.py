"""The parts between announcement and gate: each gets exactly one decision, at the latest at its deadline."""

import heapq
import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from line_inspector.decision.policy import Finding, announced_late, blame, judge, unanswered
from line_inspector.messages import Announcement, Fault, PartRecord, Reason, Verdict

NEVER_NS = 2**63 - 1
WAKE_BEFORE_NS = (
    2_000_000  # a busy host wakes a process this much late; no good verdict is expected so close to the end
)
REMEMBERED_PARTS = 100_000
HELD_ANSWERS = 4_096
AWAY_NS = 100_000_000  # the station turns at least every 50 ms; after a longer gap it was frozen, not idle


@dataclass(frozen=True)
class Decision:
    """One decided part: its record, when it is before the gate, and the verdict where there was one."""

    record: PartRecord
    window_start_ns: int
    window_end_ns: int
    verdict: Verdict | None


class PartBook:
    """Every announced part that is not yet decided, and the ids of those that are.

    All methods return the decisions that have become due; the caller carries them out. Messages may come in any order
    and more than once. An answer that comes before its announcement waits for it, for `longest_deadline_ns` at most.
    `decided` are parts decided before this process started. A decided part is known until the ledger has it, and for
    REMEMBERED_PARTS more after that: as long as capture may announce it again.
    """

    def __init__(self, window_ns: int, longest_deadline_ns: int, started_ns: int, decided: Iterable[str] = ()) -> None:
        self._half_window_ns = window_ns // 2
        self._longest_deadline_ns = longest_deadline_ns
        self._attentive_since_ns = self._attended_ns = started_ns
        self._open: dict[str, Announcement] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._held: OrderedDict[str, tuple[Verdict | Fault, int]] = OrderedDict()
        self._uncommitted = set(decided)
        self._committed: OrderedDict[str, None] = OrderedDict()

    def announce(self, announcement: Announcement, now_ns: int) -> list[Decision]:
        """A part exists. Known ones are ignored; one whose deadline has passed is decided at once."""
        self._attend(now_ns)
        part_id = announcement.part_id
        if self.knows(part_id):
            return []
        self._open[part_id] = announcement
        heapq.heappush(self._deadlines, (announcement.deadline_ns - WAKE_BEFORE_NS, part_id))
        answer, held_ns = self._held.pop(part_id, (None, None))
        if isinstance(answer, Fault):
            return [self._decide(announcement, blame(answer), now_ns)]
        if now_ns >= announcement.deadline_ns:
            finding = announced_late(announcement, now_ns, self._attentive_since_ns)
            return [self._decide(announcement, finding, now_ns, answer, held_ns)]
        if answer:
            return [self._decide(announcement, judge(answer, announcement, now_ns), now_ns, answer, held_ns)]
        return []

    def verdict(self, verdict: Verdict, now_ns: int) -> list[Decision]:
        """The model has spoken of a part."""
        announcement = self._open.get(verdict.part_id)
        if not announcement:
            self._hold(verdict, now_ns)
            return []
        return [self._decide(announcement, judge(verdict, announcement, now_ns), now_ns, verdict, now_ns)]

    def fault(self, fault: Fault, now_ns: int) -> list[Decision]:
        """A part will get no verdict."""
        announcement = self._open.get(fault.part_id)
        if not announcement:
            self._hold(fault, now_ns)
            return []
        return [self._decide(announcement, blame(fault), now_ns)]

    def expire(self, now_ns: int, worker_down: bool) -> list[Decision]:
        """Rejects every part whose time is up, and forgets answers whose part was never announced."""
        self._attend(now_ns)
        due: list[Decision] = []
        while self.next_deadline_ns() <= now_ns:
            _, part_id = heapq.heappop(self._deadlines)
            due.append(self._decide(self._open[part_id], unanswered(worker_down), now_ns))
        while self._held and next(iter(self._held.values()))[1] + self._longest_deadline_ns < now_ns:
            self._held.popitem(last=False)
        return due

    def abandon(self, now_ns: int) -> list[Decision]:
        """Rejects every part that still waits: decision is being stopped."""
        finding = Finding(Reason.NO_VERDICT, "decision was stopped")
        return [self._decide(announcement, finding, now_ns) for announcement in list(self._open.values())]

    def next_deadline_ns(self) -> int:
        """When `expire` has something to do next; NEVER_NS when no part waits."""
        while self._deadlines and self._deadlines[0][1] not in self._open:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else NEVER_NS

    def committed(self, part_id: str) -> None:
        """The ledger has the part."""
        self._uncommitted.discard(part_id)
        self._committed[part_id] = None
        if len(self._committed) > REMEMBERED_PARTS:
            self._committed.popitem(last=False)

    def knows(self, part_id: str) -> bool:
        """Whether the part has been announced, or was decided."""
        return part_id in self._open or self._is_decided(part_id)

    def __len__(self) -> int:
        return len(self._open)

    def _attend(self, now_ns: int) -> None:
        if now_ns - self._attended_ns > AWAY_NS:
            self._attentive_since_ns = now_ns
        self._attended_ns = now_ns

    def _hold(self, answer: Verdict | Fault, now_ns: int) -> None:
        if self._is_decided(answer.part_id) or answer.part_id in self._held:
            return
        self._held[answer.part_id] = (answer, now_ns)
        if len(self._held) > HELD_ANSWERS:
            self._held.popitem(last=False)

    def _decide(
        self,
        announcement: Announcement,
        finding: Finding,
        now_ns: int,
        verdict: Verdict | None = None,
        verdict_ns: int | None = None,
    ) -> Decision:
        del self._open[announcement.part_id]
        self._uncommitted.add(announcement.part_id)
        return Decision(
            record=_record(announcement, finding, now_ns, verdict, verdict_ns),
            window_start_ns=announcement.gate_ns - self._half_window_ns,
            window_end_ns=announcement.gate_ns + self._half_window_ns,
            verdict=verdict,
        )

    def _is_decided(self, part_id: str) -> bool:
        return part_id in self._uncommitted or part_id in self._committed


def _record(
    announcement: Announcement, finding: Finding, decided_ns: int, verdict: Verdict | None, verdict_ns: int | None
) -> PartRecord:
    return PartRecord(
        part_id=announcement.part_id,
        camera=announcement.camera,
        trigger_wall_ns=announcement.trigger_wall_ns,
        trigger_ns=announcement.trigger_ns,
        captured_ns=verdict.captured_ns if verdict else None,
        inference_start_ns=verdict.inference_start_ns if verdict else None,
        inference_end_ns=verdict.inference_end_ns if verdict else None,
        verdict_ns=verdict_ns,
        decided_ns=decided_ns,
        deadline_ns=announcement.deadline_ns,
        gate_ns=announcement.gate_ns,
        accepted=finding.reason is Reason.GOOD,
        reason=finding.reason,
        detail=finding.detail,
        score=_finite(verdict.score) if verdict else None,
        threshold=_finite(verdict.threshold) if verdict else None,
        model_version=verdict.model_version if verdict else "",
        fingerprint=verdict.fingerprint if verdict else None,
    )


def _finite(value: float) -> float | None:
    """None for NaN and infinity, which neither SQL nor JSON can carry."""
    return value if math.isfinite(value) else None
