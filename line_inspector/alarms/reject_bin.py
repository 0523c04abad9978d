"""Whether every reject is seen falling into the bin: expected parts against the pulses of the bin's sensor."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from line_inspector.actuators.gate import BinReading
from line_inspector.tracking.belt import Belt, TimedBelt

MOST_EXPECTED = 10_000
COUNTER = 2**16


@dataclass(frozen=True)
class Expected:
    """A reject that is before the gate at a place between `first` and `last`: the same one, where it is known.

    Places are belt times at the gate, in nanoseconds, see `line_inspector/tracking/belt.py`.
    """

    part_id: str
    first: int
    last: int

    def off(self, place: int) -> int:
        """How far that place lies from it."""
        return max(self.first - place, place - self.last, 0)


@dataclass(frozen=True)
class Adrift:
    """A reject of which nobody knows where it lies; at `since_ns` it was `way` before the gate, at most or exactly."""

    part_id: str
    way: int
    since_ns: int
    exactly: bool = False


class RejectBin:
    """Expected rejects by the place at which they are before the gate, and how often the sensor has counted.

    The sensor counts all that falls into the bin and knows no parts. A pulse is put at the place at which the belt was
    `fall_ns` before it, and confirms the expected part that is nearest, within `tolerance_ns` of belt time. One without
    such a part (the gate rejects what was accepted, too, when in doubt) confirms nothing. Another `run` means that the
    counter has begun anew. Without a `belt` places are moments.

    Nothing is judged by a place that is only estimated: pulses, and parts that are overdue, wait for the belt's next
    reading. What was expected when the belt's count was lost may fall at any place up to the farthest that is possible.
    """

    def __init__(self, fall_ns: int, tolerance_ns: int, belt: Belt | None = None) -> None:
        self._fall_ns, self._tolerance_ns, self._belt = fall_ns, tolerance_ns, belt or TimedBelt()
        self._expected: deque[Expected] = deque(maxlen=MOST_EXPECTED)
        self._adrift: deque[Adrift] = deque(maxlen=MOST_EXPECTED)
        self._pulses: deque[int] = deque(maxlen=MOST_EXPECTED)  # when what they tell of was before the gate
        self._here: int | None = None  # where the belt was at the last look
        self._seen: tuple[int, int] | None = None
        self.unexpected = 0

    def rejected(self, part_id: str, place: int, passed_ns: int | None = None) -> None:
        """This part is before the gate when the belt is there, and must fall into the bin.

        `passed_ns` is when it was where the place was told from. If the belt has not been read since, that was an
        estimate, and the next reading tells.
        """
        estimate = None if passed_ns is None or passed_ns <= self._belt.until_ns else self._belt.place(passed_ns)
        if passed_ns is None or estimate is None:
            self._expected.append(Expected(part_id, place, place))
        else:
            self._adrift.append(Adrift(part_id, place - estimate, passed_ns, exactly=True))

    def unplaced(self, part_id: str, way: int, since_ns: int) -> None:
        """This part must fall into the bin: it was `way` away from the gate then, at most, and nobody knows more."""
        self._adrift.append(Adrift(part_id, way, since_ns))

    def derailed(self, now_ns: int) -> None:
        """The belt's places mean something else from now on; how far parts were from the gate is still known."""
        while self._expected and self._here is not None:
            one = self._expected.popleft()
            self.unplaced(one.part_id, max(0, one.last - self._here), now_ns)
        self._expected.clear()
        self._look_where(now_ns)

    def heard(self, reading: BinReading) -> None:
        """The sensor's counter, and when its last pulse came."""
        if self._seen is None or self._seen[0] != reading.run:
            self._seen = (reading.run, reading.count)
            return
        pulses = (reading.count - self._seen[1]) % COUNTER
        self._seen = (reading.run, reading.count)
        most = len(self._expected) + len(self._adrift) + 1
        self._pulses.extend([reading.seen_ns - self._fall_ns] * min(pulses, most))
        self._settle()

    def overdue(self, now_ns: int) -> list[str]:
        """Takes the parts that should have fallen by now and were not seen."""
        self._settle()
        self._look_where(now_ns)
        at_ns = min(now_ns - self._fall_ns, self._belt.until_ns)
        place = self._belt.place(at_ns)
        if place is None:
            return []
        slack = self._slack(at_ns)
        lost = [one for one in self._expected if one.last + slack < place]
        for one in lost:
            self._expected.remove(one)
        return [one.part_id for one in lost]

    def _settle(self) -> None:
        """Confirms by the pulses of which it is known where the belt was, or that nobody will know it."""
        self._place_anew()
        while self._pulses and not self._adrift and self._pulses[0] <= self._belt.until_ns:
            self._confirm(self._pulses.popleft())

    def _place_anew(self) -> None:
        """What is adrift lies between the belt's first place that is known afterwards and the way that it had left."""
        until_ns = self._belt.until_ns
        while self._adrift and self._adrift[0].since_ns <= until_ns:
            place = self._belt.place(until_ns)
            if place is None:
                return
            one = self._adrift.popleft()
            then = self._belt.place(one.since_ns) if one.exactly else None
            nearest, farthest = (place, place + one.way) if then is None else (then + one.way, then + one.way)
            self._expected.append(Expected(one.part_id, nearest, farthest))

    def _confirm(self, at_ns: int) -> None:
        place = self._belt.place(at_ns)
        slack = self._slack(at_ns)
        fits = [one for one in self._expected if place is None or one.off(place) <= slack]
        if fits:
            self._expected.remove(_meant(fits, place))
        else:
            self.unexpected += 1

    def _slack(self, at_ns: int) -> int:
        """A part's place is as uncertain as the belt's was at its trigger, and as it is now."""
        return self._tolerance_ns + 2 * self._belt.uncertain(at_ns)

    def _look_where(self, now_ns: int) -> None:
        self._here = self._belt.place(min(now_ns, self._belt.until_ns))


def _meant(fits: Sequence[Expected], place: int | None) -> Expected:
    """Which of them a pulse at that place is of: the nearest; of those that may lie anywhere, who can wait least.

    Whoever can wait for less comes first, so that nobody's only pulse is taken by one that has another to come.
    """
    if place is None:
        return min(fits, key=lambda one: one.last)
    placed = [one for one in fits if one.first == one.last]
    nearest = sorted(placed, key=lambda one: one.off(place))[:1]
    return min(nearest + [one for one in fits if one.first < one.last], key=lambda one: one.last)
