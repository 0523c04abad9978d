"""parts.py: every announced part gets exactly one decision, by its deadline, whatever arrives in whatever order."""

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace
from pytest import MonkeyPatch

from line_inspector.decision import decided_ids
from line_inspector.decision.early_answers import HELD_ANSWERS
from line_inspector.decision.parts import NEVER_NS, Decision, PartBook
from line_inspector.messages import Announcement, Fault, SlotRef, Verdict
from line_inspector.part_record import Reason
from line_inspector.tracking.window import Reach

MS = 1_000_000
TRAVEL_NS = 100 * MS
REACH = Reach(half_ns=10 * MS, least_half_ns=2 * MS)
DEADLINE_NS = 80 * MS


def announcement(number: int = 1, trigger_ns: int = 0) -> Announcement:
    return Announcement(
        part_id=f"top-1-{number:06d}",
        camera="top",
        trigger_ns=trigger_ns,
        trigger_wall_ns=0,
        deadline_ns=trigger_ns + DEADLINE_NS,
        gate_ns=trigger_ns + TRAVEL_NS,
        free_from_ns=trigger_ns - 1_000 * MS,
        free_until_ns=trigger_ns + 1_000 * MS,
    )


def verdict(number: int = 1, captured_ns: int = 1, score: float = 0.1, camera: str = "top") -> Verdict:
    return Verdict(
        part_id=f"top-1-{number:06d}",
        camera=camera,
        slot=SlotRef(ring="ring", slot=number, generation=2),
        score=score,
        threshold=0.5,
        pixel_threshold=0.4,
        model_version="v1",
        fingerprint=number,
        captured_ns=captured_ns,
        inference_start_ns=captured_ns + 1,
        inference_end_ns=captured_ns + 2,
        heat=b"\0" * 4,
    )


def fault(number: int = 1, reason: Reason = Reason.NO_FRAME) -> Fault:
    return Fault(part_id=f"top-1-{number:06d}", camera="top", reason=reason, detail="pulled cable")


def new_book(**options: object) -> PartBook:
    return PartBook(**{"reach": REACH, "longest_deadline_ns": DEADLINE_NS, "started_ns": 0, **options})


def test_a_good_verdict_accepts_the_part_in_its_window() -> None:
    book = new_book()
    assert book.announce(announcement(), 1 * MS) == []
    [decision] = book.verdict(verdict(), 30 * MS)
    assert (decision.record.accepted, decision.record.reason) == (True, Reason.GOOD)
    assert (decision.window_start_ns, decision.window_end_ns) == (90 * MS, 110 * MS)
    assert (decision.record.decided_ns, decision.record.verdict_ns) == (30 * MS, 30 * MS)
    assert (decision.record.score, decision.record.fingerprint, decision.record.model_version) == (0.1, 1, "v1")
    assert len(book) == 0 and book.next_deadline_ns() == NEVER_NS


def test_a_part_is_known_for_as_long_as_the_ledger_does_not_have_it(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(decided_ids, "REMEMBERED_PARTS", 3)
    book = new_book(decided=[announcement(number).part_id for number in range(10, 20)])
    for number in range(10):
        book.announce(announcement(number), 1 * MS)
        assert book.fault(fault(number), 2 * MS)
    for number in range(20):
        assert book.announce(announcement(number), 3 * MS) == []
    for number in range(10):
        book.committed(announcement(number).part_id)
    assert [number for number in range(20) if book.knows(announcement(number).part_id)] == list(range(7, 20))


def test_silence_is_a_reject_before_the_deadline() -> None:
    book = new_book()
    book.announce(announcement(), 1 * MS)
    wake_ns = book.next_deadline_ns()
    assert wake_ns < DEADLINE_NS
    assert book.expire(wake_ns - 1, worker_down=False) == []
    [decision] = book.expire(wake_ns, worker_down=False)
    assert (decision.record.accepted, decision.record.reason, decision.verdict) == (False, Reason.NO_VERDICT, None)
    assert decision.record.score is None and decision.record.captured_ns is None
    assert book.verdict(verdict(), wake_ns + 1) == [] and book.expire(NEVER_NS - 1, worker_down=False) == []


def test_a_dead_worker_is_named() -> None:
    book = new_book()
    book.announce(announcement(), 1 * MS)
    [decision] = book.expire(DEADLINE_NS, worker_down=True)
    assert decision.record.reason is Reason.WORKER_DOWN


def test_a_fault_rejects_at_once_with_its_reason() -> None:
    book = new_book()
    book.announce(announcement(), 1 * MS)
    [decision] = book.fault(fault(), 2 * MS)
    assert (decision.record.reason, decision.record.detail) == (Reason.NO_FRAME, "pulled cable")


def test_answers_may_come_before_their_announcement() -> None:
    book = new_book()
    assert book.verdict(verdict(1), 5 * MS) == [] and book.fault(fault(2), 5 * MS) == []
    [accepted] = book.announce(announcement(1), 6 * MS)
    [rejected] = book.announce(announcement(2), 6 * MS)
    assert accepted.record.accepted and accepted.record.verdict_ns == 5 * MS and accepted.record.decided_ns == 6 * MS
    assert rejected.record.reason is Reason.NO_FRAME


def test_an_early_verdict_is_worth_nothing_after_the_deadline() -> None:
    book = new_book()
    book.verdict(verdict(), 5 * MS)
    [decision] = book.announce(announcement(), DEADLINE_NS)
    assert (decision.record.accepted, decision.record.reason) == (False, Reason.LATE_TRIGGER)


def test_an_early_answer_is_forgotten_when_it_is_stale() -> None:
    book = new_book()
    book.verdict(verdict(), 5 * MS)
    book.expire(5 * MS + DEADLINE_NS + 1, worker_down=False)
    later = replace(announcement(), deadline_ns=1_000 * MS)
    assert book.announce(later, 6 * MS + DEADLINE_NS) == []


def test_a_part_whose_deadline_has_passed_is_rejected_at_once() -> None:
    [late] = new_book().announce(announcement(), DEADLINE_NS)
    [after_restart] = new_book(started_ns=DEADLINE_NS + 1).announce(announcement(), DEADLINE_NS + 2)
    assert late.record.reason is Reason.LATE_TRIGGER
    assert after_restart.record.reason is Reason.NO_VERDICT


def test_what_came_while_decision_was_frozen_is_no_late_trigger() -> None:
    book = new_book()
    book.expire(10 * MS, worker_down=False)
    [first] = book.announce(announcement(1), 500 * MS)
    [second] = book.announce(announcement(2), 501 * MS)
    book.expire(550 * MS, worker_down=False)
    [late] = book.announce(announcement(3, trigger_ns=501 * MS), 590 * MS)
    assert (first.record.reason, second.record.reason) == (Reason.NO_VERDICT, Reason.NO_VERDICT)
    assert late.record.reason is Reason.LATE_TRIGGER


def test_parts_decided_before_a_restart_are_never_decided_again() -> None:
    book = new_book(decided=[announcement().part_id])
    assert book.verdict(verdict(), 1 * MS) == [] and book.announce(announcement(), 1 * MS) == []
    assert book.next_deadline_ns() == NEVER_NS and book.knows(announcement().part_id)


def test_a_score_that_is_no_number_stays_out_of_the_record() -> None:
    book = new_book()
    book.announce(announcement(), 1 * MS)
    [decision] = book.verdict(verdict(score=math.nan), 2 * MS)
    assert (decision.record.reason, decision.record.score) == (Reason.BAD_SCORE, None)


def test_memory_is_bounded() -> None:
    book = new_book()
    for number in range(HELD_ANSWERS + 10):
        book.verdict(verdict(number), 1 * MS)
    assert book.announce(announcement(0), 2 * MS) == []  # the oldest were forgotten
    [decision] = book.announce(announcement(HELD_ANSWERS), 2 * MS)
    assert decision.record.accepted


NUMBERS = st.integers(1, 6)
REASONS = st.sampled_from(list(Reason))


class AnyOrder(RuleBasedStateMachine):
    """Announcements, verdicts, faults, repeats and time in any order, against what was really said of each part."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.book = new_book()
        self.announced: dict[str, tuple[Announcement, int]] = {}
        self.good_verdicts: set[tuple[str, int]] = set()
        self.decisions: dict[str, Decision] = {}

    def take(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            part_id = decision.record.part_id
            assert part_id not in self.decisions, "decided twice"
            self.decisions[part_id] = decision
            self.check(decision)

    def check(self, decision: Decision) -> None:
        record = decision.record
        told, heard_ns = self.announced[record.part_id]
        assert record.decided_ns == self.now_ns
        assert record.decided_ns < told.deadline_ns or heard_ns >= told.deadline_ns, "late"
        assert record.accepted == (record.reason is Reason.GOOD)
        if record.accepted:
            assert record.decided_ns < told.deadline_ns
            assert record.captured_ns is not None and record.captured_ns >= told.trigger_ns
            assert (record.part_id, record.captured_ns) in self.good_verdicts

    def announced_at(self, number: int) -> Announcement:
        return announcement(number, trigger_ns=number * 7 * MS)

    @rule(number=NUMBERS)
    def announce(self, number: int) -> None:
        told = self.announced_at(number)
        self.announced.setdefault(told.part_id, (told, self.now_ns))
        self.take(self.book.announce(told, self.now_ns))

    @rule(
        number=NUMBERS,
        score=st.sampled_from([0.1, 0.5, 0.9, math.nan, -1.0]),
        camera=st.sampled_from(["top", "top", "side"]),
        age_ns=st.integers(0, 60 * MS),
    )
    def verdict(self, number: int, score: float, camera: str, age_ns: int) -> None:
        said = verdict(number, captured_ns=self.now_ns - age_ns, score=score, camera=camera)
        if score == 0.1 and camera == "top":
            self.good_verdicts.add((said.part_id, said.captured_ns))
        self.take(self.book.verdict(said, self.now_ns))

    @rule(number=NUMBERS, reason=REASONS)
    def fault(self, number: int, reason: Reason) -> None:
        self.take(self.book.fault(fault(number, reason), self.now_ns))

    @rule(step_ns=st.integers(1, 30 * MS), worker_down=st.booleans())
    def wait(self, step_ns: int, worker_down: bool) -> None:
        """Time passes as in the station: it wakes at the next deadline, or at the next message."""
        end_ns = self.now_ns + step_ns
        while self.book.next_deadline_ns() <= end_ns:
            self.now_ns = max(self.now_ns, self.book.next_deadline_ns())
            self.take(self.book.expire(self.now_ns, worker_down))
        self.now_ns = end_ns

    @precondition(lambda self: self.decisions)
    @rule()
    def restart(self) -> None:
        """A new process knows what the journal kept, and capture announces the rest again."""
        self.book = new_book(started_ns=self.now_ns, decided=list(self.decisions))
        for part_id, (told, heard_ns) in list(self.announced.items()):
            if part_id not in self.decisions:
                self.announced[part_id] = (told, max(heard_ns, self.now_ns))
                self.take(self.book.announce(told, self.now_ns))

    @invariant()
    def nothing_is_overdue(self) -> None:
        waiting = [told for part_id, (told, _) in self.announced.items() if part_id not in self.decisions]
        assert len(self.book) == len(waiting)
        assert all(told.deadline_ns > self.now_ns for told in waiting)

    def teardown(self) -> None:
        self.wait(1_000 * MS, worker_down=False)
        assert set(self.decisions) == set(self.announced)


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
