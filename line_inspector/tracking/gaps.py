"""What a camera knows of the gaps between its parts: how long before and behind each trigger no other one came."""

from bisect import bisect_right, insort
from collections import deque
from dataclasses import dataclass

REMEMBERED_TRIGGERS = 256


@dataclass(frozen=True)
class Gap:
    """The time around a part's trigger in which no other trigger of the camera lies, in CLOCK_MONOTONIC nanoseconds.

    `followed`: another one lies at `until_ns`. Otherwise it is as far as the camera has watched.
    """

    part_id: str
    from_ns: int
    until_ns: int
    followed: bool


@dataclass(frozen=True)
class Sighting:
    """What a trigger tells: the gap around its own part, and the gaps of neighbours that it has ended.

    `double`: so soon after the last one that it must be the same part once more. It ends nobody's gap.
    """

    gap: Gap
    ended: tuple[Gap, ...]
    double: bool


class Gaps:
    """The triggers of one camera.

    Nothing is known of the time before `watching_since_ns`. `enough_ns` is how large a gap is of interest.
    A trigger less than `double_ns` after the last one is a double; 0 knows no doubles.
    """

    def __init__(self, watching_since_ns: int, enough_ns: int, double_ns: int = 0) -> None:
        self._since_ns, self._enough_ns, self._double_ns = watching_since_ns, enough_ns, double_ns
        self._triggers: list[tuple[int, str]] = []  # the last ones, by time
        self._recent: deque[tuple[int, str]] = deque()  # the same ones, by arrival
        self._open: Gap | None = None  # of the last part, until another follows
        self._open_ns = 0  # its trigger
        self._next_ns: int | None = None

    def trigger(self, part_id: str, trigger_ns: int) -> Sighting:
        """A trigger has come. Its time may lie before others' that came earlier."""
        here = bisect_right(self._triggers, (trigger_ns, chr(0x10FFFF)))
        before = self._triggers[here - 1] if here else None
        behind = self._triggers[here] if here < len(self._triggers) else None
        from_ns = self._from(before, trigger_ns)
        if before and trigger_ns - before[0] < self._double_ns:
            return Sighting(Gap(part_id, from_ns, trigger_ns, False), (), double=True)
        gap = Gap(part_id, from_ns, behind[0] if behind else trigger_ns, followed=behind is not None)
        ended = [self._gap_at(here - 1, until_ns=trigger_ns)] if before else []
        ended += [self._gap_at(here, from_ns=trigger_ns)] if behind else []
        self._remember(trigger_ns, part_id)
        if not behind:
            self._open, self._open_ns = gap, trigger_ns
            self._next_ns = trigger_ns + self._enough_ns
        return Sighting(gap, tuple(ended), double=False)

    def watched(self, until_ns: int) -> Gap | None:
        """No further trigger has come until then: the last part's gap, when that has become of interest."""
        if self._open is None or self._next_ns is None or until_ns < self._next_ns:
            return None
        self._open = Gap(self._open.part_id, self._open.from_ns, until_ns, False)
        self._next_ns = until_ns + self._enough_ns
        return self._open

    def enough(self) -> None:
        """The last part's gap is of no further interest."""
        self._next_ns = None

    @property
    def next_ns(self) -> int | None:
        """When `watched` has something to say; None while it has not."""
        return self._next_ns

    def _gap_at(self, index: int, from_ns: int | None = None, until_ns: int | None = None) -> Gap:
        at_ns, part_id = self._triggers[index]
        if from_ns is None:
            from_ns = self._from(self._triggers[index - 1] if index else None, at_ns)
        if until_ns is None and index + 1 < len(self._triggers):
            until_ns = self._triggers[index + 1][0]
        if until_ns is not None:
            return Gap(part_id, from_ns, until_ns, True)
        watched_ns = self._open.until_ns if self._open and self._open.part_id == part_id else at_ns
        if self._open and self._open.part_id == part_id:
            self._open = Gap(part_id, from_ns, watched_ns, False)
        return Gap(part_id, from_ns, watched_ns, False)

    def _from(self, before: tuple[int, str] | None, trigger_ns: int) -> int:
        watched_ns = min(self._since_ns, trigger_ns)
        return max(before[0], watched_ns) if before else watched_ns

    def _remember(self, trigger_ns: int, part_id: str) -> None:
        insort(self._triggers, (trigger_ns, part_id))
        self._recent.append((trigger_ns, part_id))
        if len(self._recent) > REMEMBERED_TRIGGERS:
            oldest = self._recent.popleft()
            self._triggers.remove(oldest)
            self._since_ns = max(self._since_ns, oldest[0])
