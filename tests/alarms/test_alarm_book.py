"""Raise, hold, clear and acknowledge, against a model that is as plain as can be."""

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from line_inspector.alarms.book import AND_MORE, LONGEST_DETAIL, AlarmBook, Happening
from line_inspector.alarms.table import (
    ALARMS,
    BIN_FULL,
    CHALLENGE_MISSED,
    REJECT_UNCONFIRMED,
    REJECTS_IN_ROW,
    WORKER_SLOW,
    Alarm,
    Effect,
)
from line_inspector.alarms.watch import restored

CAMERAS = ("top", "side")
SUBJECTS = ("", *CAMERAS)
CHALLENGED = ("top",)


class BookMachine(RuleBasedStateMachine):
    """What stands is what is present, and what latches and nobody has acknowledged since it last came."""

    def __init__(self) -> None:
        super().__init__()
        self.book = AlarmBook()
        self.present: dict[tuple[Alarm, str], bool] = {}
        self.unseen: set[tuple[Alarm, str]] = set()
        self.raised: set[tuple[Alarm, str]] = set()
        self.wall_ns = 0

    @property
    def expected(self) -> set[tuple[Alarm, str]]:
        return {key for key, present in self.present.items() if present} | self.unseen

    @rule(alarm=st.sampled_from(ALARMS), subject=st.sampled_from(SUBJECTS), present=st.booleans())
    def signal(self, alarm: Alarm, subject: str, present: bool) -> None:
        key = (alarm, subject)
        if present and not self.present.get(key) and alarm.latching:
            self.unseen.add(key)
        self.present[key] = present
        self.wall_ns += 1
        self.book.signal(alarm, subject, present, self.wall_ns)

    @rule(alarm=st.sampled_from(ALARMS), subject=st.sampled_from(SUBJECTS))
    def acknowledge(self, alarm: Alarm, subject: str) -> None:
        key = (alarm, subject)
        assert self.book.acknowledge(alarm.name, subject, "Ann", self.wall_ns) is (key in self.unseen)
        self.unseen.discard(key)

    @rule()
    def acknowledge_what_does_not_exist(self) -> None:
        assert not self.book.acknowledge("no_such_alarm", "", "Ann", self.wall_ns)

    @rule()
    def decision_is_restarted(self) -> None:
        """Causes are seen anew, but for those of a stop. Where no challenge can pass a person ends a miss, again."""
        self.raised = {key for key in self.expected if key[0].latching or key[0].effect is Effect.ACCEPTS_STOP}
        self.book.take_events()
        self.book = AlarmBook(restored(self.book.standing, CHALLENGED), self.wall_ns)
        stops = {key for key, present in self.present.items() if present and key[0].effect is Effect.ACCEPTS_STOP}
        self.unseen |= {key for key in stops if key[0].latching and key[1] not in CHALLENGED}
        self.present = {key: True for key in stops if key[1] in CHALLENGED}

    @invariant()
    def what_stands_is_as_expected(self) -> None:
        assert {(one.alarm, one.subject) for one in self.book.standing} == self.expected
        assert bool(self.book.accepts_stopped) is any(a.effect is Effect.ACCEPTS_STOP for a, _ in self.expected)
        assert self.book.stop_requested is any(a.effect is not Effect.NONE for a, _ in self.expected)

    @invariant()
    def every_event_follows_on_the_one_before(self) -> None:
        for event in self.book.take_events():
            key = (event.alarm, event.subject)
            assert (key in self.raised) is (event.happening is not Happening.RAISED)
            assert bool(event.who) is (event.happening is Happening.ACKNOWLEDGED)
            if event.happening is Happening.RAISED:
                self.raised.add(key)
            elif event.happening is Happening.CLEARED:
                self.raised.discard(key)
        assert self.raised == self.expected


BookMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestBook = BookMachine.TestCase


def test_what_was_acknowledged_before_a_restart_is_over_when_its_cause_is_not_seen_any_more() -> None:
    book = AlarmBook()
    book.signal(REJECTS_IN_ROW, "top", True, 1)
    assert book.acknowledge("rejects_in_row", "top", "Ann", 2)
    assert [one.alarm for one in book.standing] == [REJECTS_IN_ROW]
    after = AlarmBook(restored(book.standing, CHALLENGED), 3)
    assert not after.standing and [event.happening for event in after.take_events()] == [Happening.CLEARED]


def test_a_latching_alarm_needs_both_its_end_and_a_person() -> None:
    book = AlarmBook()
    book.signal(CHALLENGE_MISSED, "top", True, 1)
    assert book.acknowledge("challenge_missed", "top", "Ann", 2)
    assert book.accepts_stopped == ("challenge_missed",)
    book.signal(CHALLENGE_MISSED, "top", False, 3)
    assert not book.accepts_stopped
    book.signal(CHALLENGE_MISSED, "top", True, 4)
    book.signal(CHALLENGE_MISSED, "top", False, 5)
    assert book.accepts_stopped == ("challenge_missed",)
    assert book.acknowledge("challenge_missed", "top", "Ann", 6) and not book.standing


def test_a_pulse_stands_until_it_is_acknowledged_and_others_end_by_themselves() -> None:
    book = AlarmBook()
    book.pulse(REJECT_UNCONFIRMED, "", 1, "part 7")
    book.signal(BIN_FULL, "", True, 2)
    book.signal(WORKER_SLOW, "", True, 3)
    assert book.stop_requested
    book.signal(BIN_FULL, "", False, 4)
    assert not book.acknowledge("bin_full", "", "Ann", 5)
    assert [one.detail for one in book.standing if one.alarm.latching] == ["part 7"]
    assert book.acknowledge("reject_unconfirmed", "", "Ann", 6)
    assert not book.stop_requested and [one.alarm for one in book.standing] == [WORKER_SLOW]


def test_each_pulse_is_on_record_and_shown_until_somebody_has_seen_them_all() -> None:
    book = AlarmBook()
    for number in range(100):
        book.pulse(REJECT_UNCONFIRMED, "", number, f"part {number}")
    events = book.take_events()
    assert [event.detail for event in events] == [f"part {number}" for number in range(100)]
    assert {event.happening for event in events} == {Happening.RAISED}
    (shown,) = book.standing
    assert shown.detail.startswith("part 0; part 1; part 2; ") and shown.detail.endswith(AND_MORE)
    assert len(shown.detail) <= LONGEST_DETAIL + len(AND_MORE) and shown.detail.count(AND_MORE) == 1
    assert book.acknowledge("reject_unconfirmed", "", "Ann", 100) and not book.standing
    book.pulse(REJECT_UNCONFIRMED, "", 101, "part 101")
    assert [one.detail for one in book.standing] == ["part 101"]
