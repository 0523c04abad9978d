"""From what is known of a part to the reason for its decision. Only Reason.GOOD accepts."""

import math
from dataclasses import dataclass

from line_inspector.config import NS_PER_MS
from line_inspector.messages import Announcement, Fault, Verdict
from line_inspector.part_record import Reason


@dataclass(frozen=True)
class Finding:
    """Why a part is decided as it is; `detail` is for people."""

    reason: Reason
    detail: str = ""


def judge(verdict: Verdict, announcement: Announcement, now_ns: int) -> Finding:
    """What a verdict means for the announced part at `now_ns`: good only in time, for this part, and surely below."""
    if verdict.part_id != announcement.part_id or verdict.camera != announcement.camera:
        return Finding(Reason.WRONG_FRAME, f"the verdict is for {verdict.part_id} of camera {verdict.camera}")
    if verdict.captured_ns < announcement.trigger_ns:
        early_ms = (announcement.trigger_ns - verdict.captured_ns) / NS_PER_MS
        return Finding(Reason.WRONG_FRAME, f"the frame was taken {early_ms:.1f} ms before the part came")
    if now_ns >= announcement.deadline_ns:
        late_ms = (now_ns - announcement.deadline_ns) / NS_PER_MS
        return Finding(Reason.NO_VERDICT, f"the verdict came {late_ms:.1f} ms after the deadline")
    if not math.isfinite(verdict.score) or verdict.score < 0 or not math.isfinite(verdict.threshold):
        return Finding(Reason.BAD_SCORE, f"score {verdict.score}, threshold {verdict.threshold}")
    return Finding(Reason.GOOD if verdict.score < verdict.threshold else Reason.ANOMALY)


def blame(fault: Fault) -> Finding:
    """What a fault means for its part: never good, whatever it says."""
    if fault.reason in (Reason.GOOD, Reason.LATE_VIEW):  # the latter would make it no part at all
        return Finding(Reason.NO_VERDICT, f"a fault that says {fault.reason}: {fault.detail}")
    return Finding(fault.reason, fault.detail)


def unanswered(worker_down: bool) -> Finding:
    """Why a part that nobody answered for is rejected at its deadline."""
    return Finding(Reason.WORKER_DOWN, "the worker is silent") if worker_down else Finding(Reason.NO_VERDICT)


def announced_late(announcement: Announcement, now_ns: int, attentive_since_ns: int) -> Finding:
    """Why a part that was announced after its deadline is rejected: who was late, its trigger or decision itself?"""
    if announcement.trigger_ns < attentive_since_ns:
        return Finding(Reason.NO_VERDICT, "decision was not running")
    late_ms = (now_ns - announcement.deadline_ns) / NS_PER_MS
    return Finding(Reason.LATE_TRIGGER, f"announced {late_ms:.1f} ms after its deadline")
