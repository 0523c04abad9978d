"""Whether every reject is seen falling into the bin: expected parts against the pulses of the bin's sensor."""

from collections import deque

from line_inspector.actuators.gate import BinReading

MOST_EXPECTED = 10_000
COUNTER = 2**16


class RejectBin:
    """Expected rejects by the moment at which they fall, and how often the sensor has counted.

    The sensor counts all that falls into the bin and knows no parts, so a pulse confirms the expected part that is
    nearest in time, within `tolerance_ns`. One without such a part (the gate rejects what was accepted, too, when in
    doubt) confirms nothing. Another `run` means that the counter has begun anew.
    """

    def __init__(self, fall_ns: int, tolerance_ns: int) -> None:
        self._fall_ns, self._tolerance_ns = fall_ns, tolerance_ns
        self._expected: deque[tuple[int, str]] = deque(maxlen=MOST_EXPECTED)
        self._seen: tuple[int, int] | None = None
        self.unexpected = 0

    def rejected(self, part_id: str, gate_ns: int) -> None:
        """This part will be before the gate then, and must fall into the bin."""
        self._expected.append((gate_ns + self._fall_ns, part_id))

    def heard(self, reading: BinReading) -> None:
        """The sensor's counter, and when its last pulse came."""
        if self._seen is None or self._seen[0] != reading.run:
            self._seen = (reading.run, reading.count)
            return
        pulses = (reading.count - self._seen[1]) % COUNTER
        self._seen = (reading.run, reading.count)
        for _ in range(min(pulses, len(self._expected) + 1)):
            self._confirm(reading.seen_ns)

    def overdue(self, now_ns: int) -> list[str]:
        """Takes the parts that should have fallen by now and were not seen."""
        lost: list[str] = []
        for due_ns, part_id in list(self._expected):
            if due_ns + self._tolerance_ns < now_ns:
                self._expected.remove((due_ns, part_id))
                lost.append(part_id)
        return lost

    def _confirm(self, seen_ns: int) -> None:
        nearest = min(self._expected, key=lambda one: abs(one[0] - seen_ns), default=None)
        if nearest is None or abs(nearest[0] - seen_ns) > self._tolerance_ns:
            self.unexpected += 1
        else:
            self._expected.remove(nearest)
