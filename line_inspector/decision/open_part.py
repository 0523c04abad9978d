"""A part between announcement and decision: what each camera that sees it has said so far."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from line_inspector.decision.policy import Finding, unanswered
from line_inspector.messages import Announcement, Verdict
from line_inspector.part_record import Reason
from line_inspector.tracking.belt import Belt
from line_inspector.tracking.window import Reach, Span, clipped

AHEAD, BEHIND = -1, 1  # of a part, on the belt: its neighbours' places are smaller, or greater


@dataclass
class View:
    """One camera's view of a part. Places are belt times at the gate, see `line_inspector/tracking/belt.py`.

    `place` is None where nobody knows where the part lies; so are `free_from` and `free_until` where nobody knows how
    far away its neighbours are. A neighbour may lie as much nearer as is uncertain of its trigger: that is taken off.
    `vague` is how much that is, at most, of either.
    """

    announcement: Announcement
    place: int | None = None
    free_from: int | None = None
    free_until: int | None = None
    vague: int = 0
    finding: Finding | None = None
    verdict: Verdict | None = None
    verdict_ns: int | None = None

    @property
    def deadline_place(self) -> int:
        """Where the belt is when the part must be decided."""
        assert self.place is not None
        return self.place - (self.announcement.gate_ns - self.announcement.deadline_ns)

    def told(self, announcement: Announcement, belt: Belt) -> None:
        """What the camera says, for the first time or once more.

        Also asked again before the part is decided: by then the belt has been read on both sides of each moment, and
        what was an estimate is known. What lies farther back than the belt's readings stays as it was.
        """
        self.announcement = announcement
        if belt.since_ns <= announcement.trigger_ns:
            self.place = self._at(announcement.trigger_ns, belt, self.place)
            from_ns = announcement.free_from_ns
            from_ns = None if from_ns is None else max(from_ns, belt.since_ns)
            self.free_from = self._nearest(from_ns, belt, self.free_from, side=AHEAD)
        self.free_until = self._nearest(announcement.free_until_ns, belt, self.free_until, side=BEHIND)

    def _at(self, at_ns: int, belt: Belt, otherwise: int | None) -> int | None:
        """The place at the gate of what passed the camera then."""
        passed = belt.place(at_ns)
        return otherwise if passed is None else passed + self.announcement.gate_ns - self.announcement.trigger_ns

    def _nearest(self, at_ns: int | None, belt: Belt, otherwise: int | None, side: int) -> int | None:
        """The place of the neighbour on that side that passed the camera then: the nearest that is possible."""
        place = None if at_ns is None else self._at(at_ns, belt, None)
        if at_ns is None or place is None:
            return otherwise
        uncertain = belt.uncertain(at_ns)
        self.vague = max(self.vague, uncertain)
        return place - side * uncertain

    def dated(self, belt: Belt) -> Announcement:
        """The announcement with deadline and gate as they are by the belt's present speed."""
        if belt.steady or self.place is None:
            return self.announcement
        return replace(self.announcement, deadline_ns=belt.when(self.deadline_place), gate_ns=belt.when(self.place))

    def answer(self, finding: Finding, verdict: Verdict | None = None, verdict_ns: int | None = None) -> None:
        """What becomes of the part by this view. The first answer counts, but nothing stays good after a bad one."""
        spoilt = self.finding is not None and self.finding.reason is Reason.GOOD and finding.reason is not Reason.GOOD
        if self.finding is None or spoilt:
            self.finding, self.verdict, self.verdict_ns = finding, verdict, verdict_ns

    def wide(self, reach: Reach) -> bool:
        """Whether it is known how wide the window may be: as wide as the gate's, or up to the middle to the next."""
        if self.place is None or self.free_until is None:
            return False
        return self.announcement.followed or self.free_until - self.place > 2 * reach.half_ns

    def window(self, reach: Reach, uncertain: int = 0) -> Span | None:
        """The part's window by what is known of its neighbours; None when nothing is.

        `uncertain` is by how much they may be nearer to the gate, as they pass it, than the belt's place says.
        """
        if self.place is None or self.free_from is None or self.free_until is None:
            return None
        return clipped(reach, self.place, self.free_from + uncertain, self.free_until - uncertain)

    def narrow(self, reach: Reach, uncertain: int = 0) -> Finding | None:
        """Why the part has no window; None when it has one."""
        window = self.window(reach, uncertain)
        if window is None or self.place is None or self.free_until is None or self.free_from is None:
            return Finding(Reason.GAP_UNKNOWN, "it is not known how near other parts are")
        ahead, behind = self.place - self.free_from + self.vague, self.free_until - self.place + self.vague
        if self.place - window.start < reach.least_half_ns:
            words = f"it follows another part, or the first look at the belt, by {ahead / 1e6:.1f} ms"
            return self._near(ahead, reach, uncertain, words)
        if window.end - self.place < reach.least_half_ns:
            if self.announcement.followed:
                return self._near(behind, reach, uncertain, f"another part follows it by {behind / 1e6:.1f} ms")
            return Finding(Reason.GAP_UNKNOWN, f"the belt behind it was watched for {behind / 1e6:.1f} ms only")
        return None

    def _near(self, gap: int, reach: Reach, uncertain: int, words: str) -> Finding:
        """Too near to another part; or far enough away, if only places were known better."""
        if gap <= 2 * reach.least_half_ns:
            return Finding(Reason.TOUCHING, words)
        known_ms = (self.vague + uncertain) / 1e6
        return Finding(Reason.BELT_UNKNOWN, f"{words}, but the belt's place is known within {known_ms:.1f} ms only")


@dataclass
class OpenPart:
    """A part and its views by camera; `cameras` are those that see it, the first of which names it."""

    cameras: tuple[str, ...]
    views: dict[str, View] = field(default_factory=dict)

    @property
    def lane(self) -> str:
        """The camera by which the gate knows this part's lane."""
        return self.cameras[0]

    @property
    def leading(self) -> View:
        """The view that names the part: that of the first camera that has one."""
        return next(self.in_order())

    @property
    def deadline_place(self) -> int:
        """Where the belt is when the part must be decided."""
        return min(view.deadline_place for view in self.views.values())

    @property
    def answered(self) -> bool:
        """Whether nothing more can come."""
        return len(self.views) == len(self.cameras) and all(view.finding for view in self.views.values())

    def takes(self, view: View, within: int) -> bool:
        """Whether the view may be one of this part."""
        camera = view.announcement.camera
        if camera not in self.cameras or camera in self.views or view.place is None:
            return False
        return all(abs((other.place or 0) - view.place) <= within for other in self.views.values())

    def offset(self, view: View) -> int:
        """How far the view lies from the part."""
        return abs((self.leading.place or 0) - (view.place or 0))

    def free(self) -> tuple[int, int]:
        """Between which places no other part lies, as far as any camera knows."""
        froms = [view.free_from for view in self.views.values() if view.free_from is not None]
        untils = [view.free_until for view in self.views.values() if view.free_until is not None]
        return max(froms), min(untils)

    def conclusion(self, worker_down: bool) -> tuple[View, Finding]:
        """What becomes of the part, and the view that says so. Good only when every view is."""
        views = list(self.in_order())
        for view in views:
            if view.finding and view.finding.reason is not Reason.GOOD:
                return view, view.finding
        for view in views:
            if not view.finding:
                return view, unanswered(worker_down)
        missing = [camera for camera in self.cameras if camera not in self.views]
        if missing:
            return views[0], Finding(Reason.VIEW_MISSING, f"no trigger of {', '.join(missing)}")
        return views[0], views[0].finding or unanswered(worker_down)

    def in_order(self) -> Iterator[View]:
        """The views so far, in the order of the line file."""
        return (self.views[camera] for camera in self.cameras if camera in self.views)
