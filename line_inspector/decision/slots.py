"""Where the pictures of open parts lie in the frame ring, for archive and page; deciding does not need it."""

from collections import OrderedDict
from collections.abc import Iterable

from line_inspector.messages import FrameReady, Result, SlotRef, Verdict
from line_inspector.part_record import PartRecord

REMEMBERED_SLOTS = 4096


class Slots:
    """The slots that cameras have told of, by the id of the part or view."""

    def __init__(self) -> None:
        self._slots: OrderedDict[str, SlotRef] = OrderedDict()

    def note(self, shot: FrameReady) -> None:
        """A picture has been taken."""
        self._slots[shot.part_id] = shot.slot
        if len(self._slots) > REMEMBERED_SLOTS:
            self._slots.popitem(last=False)

    def take(self, views: Iterable[str], shown: str) -> SlotRef | None:
        """Forgets the slots of a decided part's views; that of the one that is shown, if a picture of it was taken."""
        return {part_id: self._slots.pop(part_id, None) for part_id in views}.get(shown)


def result_of(record: PartRecord, verdict: Verdict | None, slot: SlotRef | None) -> Result:
    """What operators are told of a decided part."""
    return Result(
        part_id=record.part_id,
        camera=record.camera,
        accepted=record.accepted,
        reason=record.reason,
        score=record.score,
        threshold=record.threshold,
        pixel_threshold=verdict.pixel_threshold if verdict else None,
        model_version=record.model_version,
        slot=slot,
        heat=verdict.heat if verdict else b"",
        trigger_wall_ns=record.trigger_wall_ns,
        trigger_ns=record.trigger_ns,
        decided_ns=record.decided_ns,
    )
