"""parts.py, on a belt whose readings are uncertain: what they may be wrong by lets nobody else pass."""

import pytest
from announced import announced, inspected

from line_inspector.decision.parts import Decision, PartBook
from line_inspector.messages import Announcement
from line_inspector.part_record import Reason
from line_inspector.tracking.encoded_belt import EncodedBelt
from line_inspector.tracking.window import Reach

MS = 1_000_000
TRAVEL_NS, RESERVE_NS, FIRST_NS = 600 * MS, 65 * MS, 1_000 * MS
REACH = Reach(half_ns=25 * MS, least_half_ns=5 * MS)
NUMBER = 12


class LateAnswers:
    """A belt at its highest speed whose readings are dated wrongly by what they are uncertain by, at most.

    Every other part is good; of the ones in between nobody knows anything.
    """

    def __init__(self, spacing_ms: int, uncertain_ms: int, turns_at_ms: int) -> None:
        self.belt = EncodedBelt(100_000, 100 * MS)
        self.book = PartBook(REACH, TRAVEL_NS, 0, belt=self.belt)
        self.windows: dict[str, tuple[int, int]] = {}
        self.given: set[str] = set()  # a window, also one that was taken back
        self.reasons: dict[str, Reason] = {}
        self._off_ns, self._turns_ns = uncertain_ms * MS, FIRST_NS + turns_at_ms * MS
        self._triggers = [FIRST_NS + number * spacing_ms * MS for number in range(NUMBER)]
        for at_ns in range(0, self._triggers[-1] + TRAVEL_NS + 200 * MS, 5 * MS):
            self._turn(at_ns, spacing_ms * MS)

    def passing(self, start_ns: int, end_ns: int) -> list[str]:
        """Who is before the gate then."""
        return [name(i) for i, at_ns in enumerate(self._triggers) if start_ns <= at_ns + TRAVEL_NS <= end_ns]

    def _turn(self, at_ns: int, spacing_ns: int) -> None:
        off_ns = self._off_ns if at_ns < self._turns_ns else -self._off_ns
        if at_ns % (10 * MS) == 0 and not self._turns_ns <= at_ns < self._turns_ns + 2 * self._off_ns:
            assert self.belt.read(at_ns // 100_000, at_ns + off_ns, self._off_ns)
        if self.book.endangered(at_ns):
            self.windows = {part_id: times for part_id, times in self.windows.items() if times[1] < at_ns}
        for number, trigger_ns in enumerate(self._triggers):
            if trigger_ns + 60 * MS <= at_ns < trigger_ns + 65 * MS:
                told = announced(name(number), "top", trigger_ns, TRAVEL_NS, RESERVE_NS, spacing_ns)
                self._take(self.book.announce(told, at_ns), at_ns)
                self._judge(told, number, at_ns)
        self._take(self.book.expire(at_ns, worker_down=False), at_ns)

    def _judge(self, told: Announcement, number: int, at_ns: int) -> None:
        if number % 2 == 0:
            self._take(self.book.verdict(inspected(told), at_ns), at_ns)

    def _take(self, decisions: list[Decision], at_ns: int) -> None:
        for decision in decisions:
            self.reasons[decision.record.part_id] = decision.record.reason
            if decision.record.accepted:
                self.given.add(decision.record.part_id)
                self.windows[decision.record.part_id] = decision.window_start_ns, decision.window_end_ns


def name(number: int) -> str:
    return f"{'good' if number % 2 == 0 else 'unseen'}-{number}"


@pytest.mark.parametrize("turns_at_ms", [100, 250, 400, 550, 700])
@pytest.mark.parametrize(("spacing_ms", "uncertain_ms"), [(52, 20), (50, 12), (40, 8), (120, 20)])
def test_whatever_is_uncertain_nobody_else_is_before_the_gate_in_a_window(
    spacing_ms: int, uncertain_ms: int, turns_at_ms: int
) -> None:
    line = LateAnswers(spacing_ms, uncertain_ms, turns_at_ms)
    assert len(line.given) >= 5, "of six good parts"
    for part_id, times in line.windows.items():
        assert set(line.passing(*times)) <= {part_id}


def test_parts_too_near_for_what_is_uncertain_are_of_unknown_place_and_the_others_pass() -> None:
    near = LateAnswers(50, 21, 10_000)
    assert {near.reasons[name(i)] for i in range(0, NUMBER, 2)} == {Reason.BELT_UNKNOWN} and near.windows == {}
    assert {LateAnswers(9, 1, 10_000).reasons[name(i)] for i in range(2, NUMBER, 2)} == {Reason.TOUCHING}
    far = LateAnswers(120, 20, 10_000)
    assert {far.reasons[name(i)] for i in range(0, NUMBER, 2)} == {Reason.GOOD}
