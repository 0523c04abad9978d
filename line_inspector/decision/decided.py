"""One decided part: what goes into the journal and the ledger, and to the gate."""

import math
from dataclasses import dataclass

import msgspec

from line_inspector.decision.open_part import OpenPart, View
from line_inspector.decision.policy import Finding, unanswered
from line_inspector.messages import Announcement, Verdict
from line_inspector.part_record import PartRecord, Reason, ViewRecord


@dataclass(frozen=True)
class Decision:
    """One decided part: its record, when it is before the gate, and the verdict where there was one.

    `shown` is the view that decided, by its id; `seen` are all of the part's views, in the order of the line file, and
    `views` their ids.
    """

    record: PartRecord
    window_start_ns: int
    window_end_ns: int
    verdict: Verdict | None
    shown: str
    seen: tuple[View, ...]

    @property
    def place(self) -> int | None:
        """Where the belt is, in belt time, when the part is before the gate; None where nobody knows."""
        return self.seen[0].place

    @property
    def views(self) -> tuple[str, ...]:
        """The ids of all views."""
        return tuple(view.announcement.part_id for view in self.seen)


def record_of(part: OpenPart, view: View, dated: Announcement, finding: Finding, decided_ns: int) -> PartRecord:
    """The record of the part, decided by this view, whose announcement carries the present `dated` times."""
    leading, verdict = part.leading.announcement, view.verdict
    return PartRecord(
        part_id=leading.part_id,
        camera=leading.camera,
        trigger_wall_ns=leading.trigger_wall_ns,
        trigger_ns=leading.trigger_ns,
        captured_ns=verdict.captured_ns if verdict else None,
        inference_start_ns=verdict.inference_start_ns if verdict else None,
        inference_end_ns=verdict.inference_end_ns if verdict else None,
        verdict_ns=view.verdict_ns,
        decided_ns=decided_ns,
        deadline_ns=dated.deadline_ns,
        gate_ns=dated.gate_ns,
        accepted=finding.reason is Reason.GOOD,
        reason=finding.reason,
        detail=finding.detail,
        score=finite(verdict.score) if verdict else None,
        threshold=finite(verdict.threshold) if verdict else None,
        model_version=verdict.model_version if verdict else "",
        fingerprint=verdict.fingerprint if verdict else None,
        views=_views(part) if len(part.cameras) > 1 else "",
    )


def _views(part: OpenPart) -> str:
    return msgspec.json.encode([_view_record(view) for view in part.in_order()]).decode()


def _view_record(view: View) -> ViewRecord:
    told, verdict = view.announcement, view.verdict
    finding = view.finding or unanswered(worker_down=False)
    return ViewRecord(
        part_id=told.part_id,
        camera=told.camera,
        trigger_ns=told.trigger_ns,
        captured_ns=verdict.captured_ns if verdict else None,
        verdict_ns=view.verdict_ns,
        reason=finding.reason.value,
        detail=finding.detail,
        score=finite(verdict.score) if verdict else None,
        threshold=finite(verdict.threshold) if verdict else None,
        model_version=verdict.model_version if verdict else "",
        fingerprint=verdict.fingerprint if verdict else None,
    )


def finite(value: float) -> float | None:
    """None for NaN and infinity, which neither SQL nor JSON can carry."""
    return value if math.isfinite(value) else None
