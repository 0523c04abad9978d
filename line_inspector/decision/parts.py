"""The parts between announcement and gate: each gets exactly one decision, at the latest at its deadline."""

import heapq
from collections.abc import Iterable, Mapping
from itertools import count

from line_inspector.decision.decided import Decision, record_of
from line_inspector.decision.decided_ids import DecidedIds
from line_inspector.decision.early_answers import EarlyAnswers
from line_inspector.decision.late_views import LateViews
from line_inspector.decision.open_part import OpenPart, View
from line_inspector.decision.policy import Finding, announced_late, blame, judge
from line_inspector.decision.windows import Windows
from line_inspector.messages import Announcement, Fault, Verdict
from line_inspector.part_record import PartRecord, Reason
from line_inspector.tracking.belt import NEVER_NS, Belt, TimedBelt
from line_inspector.tracking.motion import Motion
from line_inspector.tracking.window import Reach, Span

__all__ = ["NEVER_NS", "Decision", "PartBook"]

WAKE_BEFORE_NS = 2_000_000  # a busy host wakes a process this much late; no good verdict comes so close to the end
RELEASE_BEFORE_NS = 10_000_000  # an accept that is held for the belt's sake must not be lost to a late wake
AWAY_NS = 100_000_000  # the station turns at least every 50 ms; after a longer gap it was frozen, not idle


class PartBook:
    """Every announced part that is not yet decided, and the ids of those that are.

    All methods return the decisions that have become due; the caller carries them out. Messages may come in any order
    and more than once. An answer that comes before its announcement waits for it, for `longest_deadline_ns` at most.
    `decided` are parts decided before this process started. A decided part is known until the ledger has it, and
    some time after that: as long as capture may announce it again.

    A part is accepted when every camera of its lane has given a good verdict, and when it is known how near its
    neighbours are: its window reaches to the middle between them at most, and one that the gate cannot hold is none.
    `lanes` are the cameras that see the same parts; a camera that stands in none of them has a lane of its own. On a
    belt whose speed may change an accept is held until its deadline is near, so that its window is told by the speed
    at which the part will pass.
    """

    def __init__(
        self,
        reach: Reach,
        longest_deadline_ns: int,
        started_ns: int,
        decided: Iterable[str] = (),
        belt: Belt | None = None,
        lanes: Iterable[tuple[str, ...]] = (),
    ) -> None:
        self._reach, self._belt = reach, belt or TimedBelt()
        self._attentive_since_ns = self._attended_ns = started_ns
        self._lanes: Mapping[str, tuple[str, ...]] = {camera: lane for lane in lanes for camera in lane}
        self._open: dict[str, OpenPart] = {}  # by the id of each view
        self._deadlines: list[tuple[int, int, OpenPart]] = []
        self._numbers = count()
        self._early = EarlyAnswers(longest_deadline_ns)
        self._windows = Windows(reach, self._belt)
        self._motion = Motion()
        self._late_views = LateViews(self._lanes, 2 * reach.least_half_ns)
        self.announced = 0  # parts, each counted once, however many cameras see it
        self._decided_ids = DecidedIds(decided)

    def announce(self, announcement: Announcement, now_ns: int) -> list[Decision]:
        """A part exists, or more is known of its neighbours. One whose deadline has passed is decided at once."""
        self._attend(now_ns)
        part_id = announcement.part_id
        if part_id in self._open:
            part = self._open[part_id]
            view = self._view(part, part_id)
            if view.announcement.camera == announcement.camera:
                view.told(announcement, self._belt)
            else:  # whose picture a verdict of this id is of, nobody can tell
                view.answer(Finding(Reason.WRONG_FRAME, f"camera {announcement.camera} announces the same part id"))
            return self._decide_if_due(part, now_ns)
        if part_id in self._decided_ids:
            return []
        self._motion.trigger(announcement.trigger_ns)
        view = self._seen(announcement)
        part = self._part_of(view, now_ns)
        if len(part.views) == 1 and (decided := self._late_views.part_of(view)):
            view.answer(Finding(Reason.LATE_VIEW, f"of part {decided}, which was decided without it"))
            return [self._decide(part, now_ns, worker_down=False)]
        self.announced += len(part.views) == 1
        answer, came_ns = self._early.take(part_id)
        if isinstance(answer, Fault):
            view.answer(blame(answer))
        elif view.place is None:
            view.answer(Finding(Reason.BELT_UNKNOWN, self._belt.unknown(now_ns) or "nobody knows where its part lies"))
        elif now_ns >= view.dated(self._belt).deadline_ns:
            late = announced_late(view.dated(self._belt), now_ns, self._attentive_since_ns)
            view.answer(late, answer, came_ns)
        elif answer:
            view.answer(judge(answer, view.dated(self._belt), now_ns), answer, came_ns)
        return self._decide_if_due(part, now_ns)

    def recovered(self, records: Iterable[PartRecord]) -> None:
        """Parts decided by the process before this one, to which a view may still belong."""
        if self._belt.steady:
            self._late_views.recovered(records)

    def verdict(self, verdict: Verdict, now_ns: int) -> list[Decision]:
        """The model has spoken of a part."""
        part = self._open.get(verdict.part_id)
        if not part:
            self._hold(verdict, now_ns)
            return []
        view = self._view(part, verdict.part_id)
        view.answer(judge(verdict, view.dated(self._belt), now_ns), verdict, now_ns)
        return self._decide_if_due(part, now_ns)

    def fault(self, fault: Fault, now_ns: int) -> list[Decision]:
        """A part will get no verdict."""
        part = self._open.get(fault.part_id)
        if not part:
            self._hold(fault, now_ns)
            return []
        self._view(part, fault.part_id).answer(blame(fault))
        return self._decide_if_due(part, now_ns)

    def expire(self, now_ns: int, worker_down: bool) -> list[Decision]:
        """Decides every part whose time is up, and forgets answers whose part was never announced."""
        self._attend(now_ns)
        due: list[Decision] = []
        unknown = self._belt.unknown(now_ns) if self._open else ""
        if unknown:
            due += self.abandon(now_ns, Finding(Reason.BELT_UNKNOWN, unknown))
        while self.next_deadline_ns() <= now_ns:
            _, _, part = heapq.heappop(self._deadlines)
            due.append(self._decide(part, now_ns, worker_down))
        self._early.forget(now_ns)
        return due

    def abandon(self, now_ns: int, finding: Finding | None = None) -> list[Decision]:
        """Rejects every part that still waits: decision is being stopped, or so `finding` says."""
        finding = finding or Finding(Reason.NO_VERDICT, "decision was stopped")
        parts = {id(part): part for part in self._open.values()}
        return [self._decided(part, part.leading, finding, now_ns, None) for part in parts.values()]

    def endangered(self, now_ns: int) -> bool:
        """Whether an accepted part's window would let another one pass: the belt has changed its speed that much, or a
        part was announced there against all that its camera had said.

        Then the gate must take all accepts back; true once for the same accepts.
        """
        return self._windows.endangered(now_ns)

    def mistrusts_count(self) -> bool:
        """Stops believing the belt's count where a part came while it stood; whether it did just now."""
        if not self._motion.contradicts(self._belt):
            return False
        self._belt.mistrust()
        return True

    def derailed(self, now_ns: int, why: str) -> list[Decision]:
        """Rejects every part that still waits: the belt's places mean something else from now on."""
        self._windows.forget()
        decided = self.abandon(now_ns, Finding(Reason.BELT_UNKNOWN, why))
        self._late_views.forget()
        return decided

    def next_deadline_ns(self) -> int:
        """When `expire` has something to do next; NEVER_NS when no part waits."""
        while self._deadlines and self._deadlines[0][2].leading.announcement.part_id not in self._open:
            heapq.heappop(self._deadlines)
        return self._belt.when(self._deadlines[0][0]) if self._deadlines else NEVER_NS

    def committed(self, part_id: str) -> None:
        """The ledger has the part."""
        self._decided_ids.committed(part_id)

    def knows(self, part_id: str) -> bool:
        """Whether the part has been announced, or was decided."""
        return part_id in self._open or part_id in self._decided_ids

    @property
    def unanswered(self) -> int:
        """Parts of which an announced view waits for its verdict; others may wait for the belt only."""
        return len({id(part) for part in self._open.values() if not all(view.finding for view in part.views.values())})

    def __len__(self) -> int:
        return len({id(part) for part in self._open.values()})

    def _attend(self, now_ns: int) -> None:
        if now_ns - self._attended_ns > AWAY_NS:
            self._attentive_since_ns = now_ns
        self._attended_ns = now_ns

    def _hold(self, answer: Verdict | Fault, now_ns: int) -> None:
        if not self.knows(answer.part_id):
            self._early.keep(answer, now_ns)

    def _seen(self, announcement: Announcement) -> View:
        view = View(announcement)
        view.told(announcement, self._belt)
        return view

    def _part_of(self, view: View, now_ns: int) -> OpenPart:
        """The part that this is a view of: one that waits for it, or a new one."""
        camera = view.announcement.camera
        cameras = self._lanes.get(camera, (camera,))
        joined = view.place is not None and len(cameras) > 1
        waiting = [part for part in self._open.values() if joined and part.takes(view, 2 * self._reach.least_half_ns)]
        part = min(waiting, key=lambda part: part.offset(view)) if waiting else OpenPart(cameras)
        part.views[camera] = view
        self._windows.announced(view, part.lane, now_ns)
        self._open[view.announcement.part_id] = part
        if view.place is not None:
            early_ns = WAKE_BEFORE_NS if self._belt.steady else RELEASE_BEFORE_NS
            heapq.heappush(self._deadlines, (view.deadline_place - early_ns, next(self._numbers), part))
        return part

    @staticmethod
    def _view(part: OpenPart, part_id: str) -> View:
        return next(view for view in part.views.values() if view.announcement.part_id == part_id)

    def _decide_if_due(self, part: OpenPart, now_ns: int) -> list[Decision]:
        """Decides the part when nothing is left to wait for."""
        view, finding = part.conclusion(worker_down=False)
        lost = any(seen.place is None for seen in part.views.values())
        if lost or any(now_ns >= seen.dated(self._belt).deadline_ns for seen in part.views.values()):
            return [self._decide(part, now_ns, worker_down=False)]
        if finding.reason is Reason.DOUBLE_TRIGGER and len(part.views) == 1:
            return [self._decide(part, now_ns, worker_down=False)]  # no part of its own: nobody else sees it
        if not part.answered:
            return []
        if finding.reason is Reason.GOOD and not self._known_to_be_free(part):
            return []
        return [self._decide(part, now_ns, worker_down=False)]

    def _known_to_be_free(self, part: OpenPart) -> bool:
        """Whether a good part's window is known now, and will stay so."""
        return self._belt.steady and all(view.wide(self._reach) for view in part.views.values())

    def _decide(self, part: OpenPart, now_ns: int, worker_down: bool) -> Decision:
        for seen in part.views.values():
            seen.told(seen.announcement, self._belt)
        view, finding = part.conclusion(worker_down)
        window = None
        if finding.reason is Reason.GOOD:
            window, finding = self._windows.find(part, now_ns)
        return self._decided(part, view, finding, now_ns, window)

    def _decided(self, part: OpenPart, view: View, finding: Finding, now_ns: int, window: Span | None) -> Decision:
        views = tuple(seen.announcement.part_id for seen in part.views.values())
        for part_id in views:
            del self._open[part_id]
        self._decided_ids.add(views)
        dated = part.leading.dated(self._belt)
        start_ns, end_ns = dated.gate_ns - self._reach.half_ns, dated.gate_ns + self._reach.half_ns
        if window:
            start_ns, end_ns = self._windows.give(part, window)
        record = record_of(part, view, dated, finding, now_ns)
        self._late_views.decided(part, record)
        return Decision(
            record=record,
            window_start_ns=start_ns,
            window_end_ns=end_ns,
            verdict=view.verdict,
            shown=view.announcement.part_id,
            seen=tuple(part.in_order()),
        )
