"""A belt whose speed changes, followed by its encoder."""

from bisect import bisect_left, bisect_right
from collections import deque

from line_inspector.tracking.belt import NEVER_NS

SPEED_OVER_NS = 30_000_000  # so long that a count more or less is no speed
SPEED_OVER_UNCERTAIN = 20  # times what a reading's moment is uncertain by: a tenth of the speed, at most
LONGEST_SPEED_NS = 200_000_000
UNCERTAIN_FADES = 0.9  # with each reading
MOVES_WITHIN_NS = 20_000_000  # two readings: a belt that moves shows another count by then
FASTEST = 1.5  # times belt.speed_mm_s; the belt cannot run faster
REMEMBERED_READINGS = 6_000  # a minute at 100 Hz: an announcement that was repeated may tell of a part from then


def farthest(within_ns: int, ns_per_count: float) -> float:
    """The longest way in belt time that a belt can have gone within so long; either count may be one early or late."""
    return FASTEST * within_ns + 2 * ns_per_count


class EncodedBelt:
    """Belt time from the readings of an encoder.

    `ns_per_count` is how long one count takes at `belt.speed_mm_s`. Between readings the belt's place is interpolated;
    after the last one it goes on at the last speed, until it has been silent for `stale_after_ns`. A count that falls,
    or that grows faster than the belt can run, or that comes after such a silence, is taken for an encoder that counts
    anew: nothing from before is known then. Nor is it after `mistrust`, until the count changes.
    """

    steady = False

    def __init__(self, ns_per_count: float, stale_after_ns: int) -> None:
        self._ns_per_count, self._stale_after_ns = ns_per_count, stale_after_ns
        self._moments: deque[int] = deque(maxlen=REMEMBERED_READINGS)
        self._places: deque[int] = deque(maxlen=REMEMBERED_READINGS)
        self._uncertains: deque[int] = deque(maxlen=REMEMBERED_READINGS)
        self._halted_at: int | None = None  # a place at which the count is not believed to stand
        self._speed = 0.0  # belt nanoseconds per nanosecond
        self._uncertain_ns = 0  # of the readings of late: some are certain in between, as the belt stands

    @property
    def since_ns(self) -> int:
        """The oldest reading that is remembered."""
        return self._moments[0] if self._moments else NEVER_NS

    @property
    def until_ns(self) -> int:
        """The last reading; long ago before the first."""
        return self._moments[-1] if self._moments else -NEVER_NS

    def read(self, count: int, read_ns: int, uncertain_ns: int = 0) -> bool:
        """A reading has come, of a moment that is known within `uncertain_ns`.

        False when it does not follow on the ones before: then parts on the belt are lost.
        """
        place, follows = int(count * self._ns_per_count), True
        either_ns = self._uncertain_ns + uncertain_ns
        self._uncertain_ns = max(uncertain_ns, int(UNCERTAIN_FADES * self._uncertain_ns))
        if place == self._halted_at:
            return True
        self._halted_at = None
        if self._moments:
            since_ns, gone = read_ns - self._moments[-1], place - self._places[-1]
            if since_ns <= 0 and gone == 0:
                return True
            silent = since_ns > self._stale_after_ns + either_ns
            if silent or since_ns <= 0 or gone < 0 or gone > self._farthest(since_ns + either_ns):
                self._forget()
                follows = False
        self._moments.append(read_ns)
        self._places.append(place)
        self._uncertains.append(self._uncertain_ns)
        self._speed = self._present_speed()
        return follows

    def place(self, at_ns: int) -> int | None:
        """Belt time at that moment; None before the first reading, and when the last one is too old."""
        if not self._moments or at_ns < self._moments[0] or at_ns - self._moments[-1] > self._stale_after_ns:
            return None
        if at_ns >= self._moments[-1]:
            return self._places[-1] + int((at_ns - self._moments[-1]) * self._speed)
        here = bisect_right(self._moments, at_ns)
        before_ns, behind_ns = self._moments[here - 1], self._moments[here]
        if behind_ns - before_ns > self._stale_after_ns:
            return None
        before, behind = self._places[here - 1], self._places[here]
        return before + (behind - before) * (at_ns - before_ns) // (behind_ns - before_ns)

    def uncertain(self, at_ns: int) -> int:
        """As the readings around that moment, or the last one, say. 0 before the first."""
        if not self._moments:
            return 0
        here = bisect_right(self._moments, at_ns)
        around = (max(0, here - 1), min(here, len(self._moments) - 1))
        return max(self._uncertains[i] for i in around)

    def moved(self, at_ns: int) -> bool | None:
        """Whether the count changed right after that moment; None while that cannot be said.

        False only where readings say so: it is the same from when it can have been true then until MOVES_WITHIN_NS
        later, at least.
        """
        if not self._moments or at_ns < self._moments[0]:
            return True
        uncertain_ns = self._uncertains[bisect_right(self._moments, at_ns) - 1]
        here = bisect_right(self._moments, at_ns + uncertain_ns) - 1
        there = bisect_left(self._moments, at_ns + 2 * uncertain_ns + MOVES_WITHIN_NS)
        if self._places[min(there, len(self._places) - 1)] > self._places[here]:
            return True
        return None if there == len(self._moments) else False

    def mistrust(self) -> None:
        """The belt moved while its count stood. Until that changes nobody knows where the belt is."""
        if self._places:
            self._halted_at = self._places[-1]
        self._forget()

    def expected(self, at_ns: int) -> int | None:
        """Belt time at a moment to come, by the present speed; None before the first reading."""
        if not self._moments:
            return None
        return self._places[-1] + int((at_ns - self._moments[-1]) * self._speed)

    def when(self, place: int) -> int:
        """The moment at which belt time is `place`: as it was read, or by the present speed."""
        if not self._moments:
            return NEVER_NS
        ahead = place - self._places[-1]
        if ahead > 0:
            return self._moments[-1] + int(ahead / self._speed) if self._speed > 1e-6 else NEVER_NS
        here = bisect_right(self._places, place)
        return self._moments[max(0, here - 1)]

    def unknown(self, now_ns: int) -> str:
        """Why the belt's place is not known; empty while it is."""
        if self._halted_at is not None:
            return "the encoder's count stands although parts come"
        if not self._moments:
            return "the encoder has not been heard"
        silent_ns = now_ns - self._moments[-1]
        return f"the encoder is silent for {silent_ns / 1e6:.0f} ms" if silent_ns > self._stale_after_ns else ""

    def _forget(self) -> None:
        for readings in (self._moments, self._places, self._uncertains):
            readings.clear()

    def _farthest(self, within_ns: int) -> float:
        return farthest(within_ns, self._ns_per_count)

    def _present_speed(self) -> float:
        """Over the last SPEED_OVER_NS, or longer where moments are uncertain; 0 before so much is known."""
        last_ns, last = self._moments[-1], self._places[-1]
        over_ns = min(max(SPEED_OVER_NS, SPEED_OVER_UNCERTAIN * self._uncertain_ns), LONGEST_SPEED_NS)
        for i in range(len(self._moments) - 1, -1, -1):
            since_ns = last_ns - self._moments[i]
            if since_ns >= over_ns:
                return (last - self._places[i]) / since_ns
        return 0.0
