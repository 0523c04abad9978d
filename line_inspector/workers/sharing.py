"""Who gets which frame, and which answer counts: the open frames of a line with several workers. No sockets here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from line_inspector.messages import Fault, FrameReady, Verdict
from line_inspector.part_record import Reason
from line_inspector.workers.model_id import ModelId
from line_inspector.workers.workload import Workload

ANSWER_TRANSIT_NS = 5_000_000
ANOTHER_MAY_DO_BETTER = (Reason.SKIPPED_LATE, Reason.ENGINE_FAULT, Reason.WRONG_MODEL)


@dataclass(frozen=True)
class Asked:
    """What one worker was asked: with which model, when, and of which pixels where they were sent along."""

    model: ModelId
    sent_ns: int
    fingerprint: int | None


@dataclass
class OpenFrame:
    """A frame without an answer. `holders` have it in hand; who has `failed` is not asked again."""

    frame: FrameReady
    asked: dict[str, Asked] = field(default_factory=dict)
    holders: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    @property
    def due_ns(self) -> int:
        """When an answer must be here."""
        return self.frame.deadline_ns - ANSWER_TRANSIT_NS


class Sharing:
    """The open frames and the workers' loads. Each frame ends once: by `close`, or with its deadline in `expire`."""

    def __init__(self, loads: Mapping[str, Workload]) -> None:
        self._loads = loads
        self._open: dict[str, OpenFrame] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, frame: FrameReady) -> OpenFrame | None:
        """A frame has come; None for one that is open already."""
        if frame.part_id in self._open:
            return None
        return self._open.setdefault(frame.part_id, OpenFrame(frame))

    def get(self, part_id: str) -> OpenFrame | None:
        """The frame, while it is open."""
        return self._open.get(part_id)

    def choose(self, item: OpenFrame, able: Sequence[str], now_ns: int) -> str | None:
        """Who of the `able` has the fewest frames in hand and would be in time; of equals, who has waited longest.

        So each gets its share, and none is found broken only when it is needed. Those in doubt are asked only where
        nobody else is. An idle worker is asked even when the estimate speaks against it, or a wrong estimate would
        never be mended.
        """
        best: tuple[bool, int, int, str] | None = None
        for name in able:
            load = self._loads[name]
            in_time = load.answers_at_ns(now_ns) <= item.due_ns or (len(load) == 0 and now_ns < item.due_ns)
            if in_time and not load.is_full and name not in item.holders | item.failed:
                rank = (load.is_doubtful(now_ns), len(load), load.last_sent_ns, name)
                best = min(best, rank) if best else rank
        return best[3] if best else None

    def given(self, item: OpenFrame, name: str, asked: Asked) -> None:
        """The worker has been sent the frame."""
        item.asked[name] = asked
        item.holders.add(name)

    def taken_back(self, part_id: str, name: str) -> OpenFrame | None:
        """The worker is gone with the frame; the frame, if nobody else has it in hand."""
        item = self._open.get(part_id)
        if not item or name not in item.holders:
            return None
        item.holders.discard(name)
        return None if item.holders else item

    def failed(self, item: OpenFrame, name: str) -> None:
        """The worker has the frame, and cannot answer for it."""
        item.holders.discard(name)
        item.failed.add(name)

    def close(self, part_id: str) -> None:
        """The frame has its answer; what others still say of it is ignored."""
        if self._open.pop(part_id, None):
            for load in self._loads.values():
                load.forget(part_id)

    def overdue(self, now_ns: int) -> Iterator[OpenFrame]:
        """Frames in the hands of one worker that should have answered long ago."""
        for load in self._loads.values():
            for part_id in load.overdue(now_ns):
                item = self._open.get(part_id)
                if item and len(item.holders) == 1:
                    yield item

    def expire(self, now_ns: int) -> int:
        """Forgets frames whose deadline has passed, which decision has rejected by then; the number of them."""
        gone = [part_id for part_id, item in self._open.items() if item.frame.deadline_ns <= now_ns]
        for part_id in gone:
            del self._open[part_id]
            for load in self._loads.values():
                load.expired(part_id, now_ns)
        return len(gone)


def stamped(item: OpenFrame, name: str, verdict: Verdict, model: ModelId, now_ns: int) -> Verdict | Fault:
    """The verdict in the line's own words: its frame, its clock. A fault where it is not of that frame or model.

    The worker's clock is not ours: it tells how long the inference took, and the end is when the answer arrived.
    """
    asked, frame = item.asked[name], item.frame
    if (verdict.model_version, model.sha256) != asked.model:
        detail = f"worker {name} has inspected with {verdict.model_version}, in service is {asked.model.version}"
        return Fault(part_id=frame.part_id, camera=frame.camera, reason=Reason.WRONG_MODEL, detail=detail)
    if asked.fingerprint not in (None, verdict.fingerprint):
        detail = f"worker {name} has inspected other pixels than it was sent"
        return Fault(part_id=frame.part_id, camera=frame.camera, reason=Reason.WRONG_FRAME, detail=detail)
    took_ns = min(max(0, verdict.inference_end_ns - verdict.inference_start_ns), now_ns - asked.sent_ns)
    return replace(
        verdict,
        camera=frame.camera,
        slot=frame.slot,
        captured_ns=frame.captured_ns,
        inference_start_ns=now_ns - took_ns,
        inference_end_ns=now_ns,
    )
