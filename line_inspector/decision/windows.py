"""The windows that parts are accepted in: each lies apart from all others, and none may come to hold another part."""

from collections import deque

from line_inspector.decision.open_part import OpenPart, View
from line_inspector.decision.policy import Finding
from line_inspector.part_record import Reason
from line_inspector.tracking.belt import Belt
from line_inspector.tracking.release import Release, Releases
from line_inspector.tracking.window import Reach, Span

REMEMBERED_WINDOWS = 64  # of accepted parts, for each lane


class Windows:
    """The windows that have been given, by lane."""

    def __init__(self, reach: Reach, belt: Belt) -> None:
        self._reach, self._belt = reach, belt
        self._given: dict[str, deque[Span]] = {}
        self._releases = Releases(reach.least_half_ns)
        self._trespassed = False

    def find(self, part: OpenPart, now_ns: int) -> tuple[Span | None, Finding]:
        """The window of a part that every view calls good, or why it has none. Its places have just been read again."""
        unknown = self._belt.unknown(now_ns)
        if unknown:
            return None, Finding(Reason.BELT_UNKNOWN, unknown)
        if any(now_ns >= view.dated(self._belt).deadline_ns for view in part.views.values()):
            return None, Finding(Reason.NO_VERDICT, "its accept came too late for the gate")
        window, uncertain = None, self._belt.uncertain(now_ns)
        for view in part.views.values():
            narrow, own = view.narrow(self._reach, uncertain), view.window(self._reach, uncertain)
            if narrow or own is None:
                return None, narrow or Finding(Reason.GAP_UNKNOWN)
            window = own.shared_with(window) if window else own
        assert window is not None
        places = [view.place for view in part.views.values() if view.place is not None]
        nearest = min(places)
        for other in self._given.get(part.lane, ()):
            if other.end >= window.start:  # nearly all lie behind it
                window = window.apart_from(other, nearest)
        if not window.reaches_around(places, self._reach.least_half_ns):
            return None, Finding(Reason.TOUCHING, "another part is too near for a window of its own")
        return window, Finding(Reason.GOOD)

    def give(self, part: OpenPart, window: Span) -> tuple[int, int]:
        """The part is accepted in this window; when it begins and ends, by the belt's present speed."""
        self._given.setdefault(part.lane, deque(maxlen=REMEMBERED_WINDOWS)).append(window)
        start_ns, end_ns = self._belt.when(window.start), self._belt.when(window.end)
        if not self._belt.steady:
            self._releases.add(Release(start_ns, end_ns, *part.free()))
        return start_ns, end_ns

    def announced(self, view: View, lane: str, now_ns: int) -> None:
        """A view has become known: it should lie in no window that is not over."""
        place = view.place
        if place is None:
            return
        near = self._belt.uncertain(view.announcement.trigger_ns) + self._belt.uncertain(now_ns)
        entered = [span for span in self._given.get(lane, ()) if span.start - near <= place <= span.end + near]
        self._trespassed |= any(self._belt.when(span.end) >= now_ns for span in entered)

    def endangered(self, now_ns: int) -> bool:
        """Whether a window would let another part pass; true once for the same windows."""
        trespassed, self._trespassed = self._trespassed, False
        return trespassed or (not self._belt.steady and self._releases.endangered(self._belt, now_ns))

    def forget(self) -> None:
        """The belt's places mean something else from now on."""
        self._given.clear()
