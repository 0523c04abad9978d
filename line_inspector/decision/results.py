"""What operators are told of a decided part: one result for each camera that has seen it."""

from collections.abc import Mapping

from line_inspector.decision.decided import Decision, finite
from line_inspector.decision.open_part import View
from line_inspector.messages import Result, SlotRef
from line_inspector.part_record import PartRecord, is_part


def results_of(decision: Decision, record: PartRecord, slots: Mapping[str, SlotRef]) -> list[Result]:
    """For the part as it stands on `record`. `slots` holds where the pictures of its views lie, by their ids."""
    return [_result(decision, record, view, slots) for view in decision.seen]


def _result(decision: Decision, record: PartRecord, view: View, slots: Mapping[str, SlotRef]) -> Result:
    told, verdict, own = view.announcement, view.verdict, view.finding
    leads = told.part_id == decision.shown
    deciding = next(seen for seen in decision.seen if seen.announcement.part_id == decision.shown)
    by_view = deciding.finding is not None and deciding.finding.reason is record.reason
    told_apart = not leads and by_view and (own is None or own.reason is not record.reason)
    return Result(
        part_id=record.part_id,
        view_id=told.part_id,
        camera=told.camera,
        accepted=record.accepted,
        reason=record.reason,
        decided_by=deciding.announcement.camera if told_apart else told.camera,
        leads=leads and is_part(record),
        score=finite(verdict.score) if verdict else None,
        threshold=finite(verdict.threshold) if verdict else None,
        pixel_threshold=verdict.pixel_threshold if verdict else None,
        model_version=verdict.model_version if verdict else "",
        slot=verdict.slot if verdict else slots.get(told.part_id),
        heat=verdict.heat if verdict else b"",
        trigger_wall_ns=told.trigger_wall_ns,
        trigger_ns=told.trigger_ns,
        decided_ns=record.decided_ns,
    )
