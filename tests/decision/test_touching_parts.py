"""parts.py: no accepted part's window ever lets another part pass, in whichever order decision hears of them."""

from announced import inspected
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from line_inspector.decision.parts import Decision, PartBook
from line_inspector.messages import Announcement, Verdict
from line_inspector.part_record import Reason
from line_inspector.tracking.gaps import Gap, Gaps
from line_inspector.tracking.window import Reach

MS = 1_000_000
TRAVEL_NS, DEADLINE_NS, START_NS = 400 * MS, 340 * MS, 10_000 * MS
REACH = Reach(half_ns=40 * MS, least_half_ns=5 * MS)


def new_book() -> PartBook:
    return PartBook(REACH, longest_deadline_ns=DEADLINE_NS, started_ns=0)


def announcement(trigger_ns: int, gap: Gap) -> Announcement:
    return Announcement(
        part_id=gap.part_id,
        camera="top",
        trigger_ns=trigger_ns,
        trigger_wall_ns=0,
        deadline_ns=trigger_ns + DEADLINE_NS,
        gate_ns=trigger_ns + TRAVEL_NS,
        free_from_ns=gap.from_ns,
        free_until_ns=gap.until_ns,
        followed=gap.followed,
    )


def lone(trigger_ns: int = START_NS, behind_ns: int = 1_000 * MS, ahead_ns: int = 1_000 * MS) -> Announcement:
    return announcement(trigger_ns, Gap("a", trigger_ns - ahead_ns, trigger_ns + behind_ns, followed=False))


def test_an_accept_waits_until_the_gap_behind_the_part_is_known() -> None:
    book, told = new_book(), lone(behind_ns=0)
    book.announce(told, START_NS + MS)
    assert book.verdict(inspected(told), START_NS + 50 * MS) == []
    [decision] = book.announce(replace(told, free_until_ns=START_NS + 81 * MS), START_NS + 101 * MS)
    assert decision.record.accepted and decision.record.decided_ns == START_NS + 101 * MS
    assert decision.window_end_ns - decision.window_start_ns == 2 * REACH.half_ns


def test_a_gap_that_nobody_watched_is_no_gap() -> None:
    book, told = new_book(), lone(behind_ns=0)
    book.announce(told, START_NS + MS)
    book.verdict(inspected(told), START_NS + 50 * MS)
    [decision] = book.expire(book.next_deadline_ns(), worker_down=False)
    assert (decision.record.accepted, decision.record.reason) == (False, Reason.GAP_UNKNOWN)
    nothing = replace(told, part_id="b", free_from_ns=None, free_until_ns=None)
    book.announce(nothing, START_NS + MS)
    book.verdict(inspected(nothing), START_NS + 50 * MS)
    [decision] = book.expire(nothing.deadline_ns - MS, worker_down=False)
    assert decision.record.reason is Reason.GAP_UNKNOWN


def test_both_of_two_touching_parts_are_rejected() -> None:
    book = new_book()
    first = announcement(START_NS, Gap("a", 0, START_NS + 8 * MS, followed=True))
    second = announcement(START_NS + 8 * MS, Gap("b", START_NS, START_NS + 900 * MS, followed=False))
    for told in (first, second):
        book.announce(told, START_NS + 9 * MS)
        [decision] = book.verdict(inspected(told), START_NS + 50 * MS)
        assert (decision.record.accepted, decision.record.reason) == (False, Reason.TOUCHING)


def test_a_defect_is_called_one_also_where_parts_touch() -> None:
    book = new_book()
    told = announcement(START_NS, Gap("a", 0, START_NS + 8 * MS, followed=True))
    book.announce(told, START_NS + 9 * MS)
    [decision] = book.verdict(inspected(told, score=0.9), START_NS + 50 * MS)
    assert decision.record.reason is Reason.ANOMALY


def test_a_part_that_was_announced_against_all_promises_gives_way() -> None:
    """Its trigger was on its way for longer than anybody thought possible; its forerunner is accepted already."""
    for distance_ms, reason in ((30, Reason.TOUCHING), (60, Reason.GOOD)):
        book, told = new_book(), lone()
        book.announce(told, START_NS + MS)
        [ahead] = book.verdict(inspected(told), START_NS + 110 * MS)
        assert ahead.record.accepted
        late_ns = START_NS + distance_ms * MS
        late = announcement(late_ns, Gap("b", START_NS, late_ns + 900 * MS, followed=False))
        assert not book.endangered(START_NS + 119 * MS)
        book.announce(late, START_NS + 120 * MS)
        assert book.endangered(START_NS + 121 * MS) == (reason is Reason.TOUCHING), "the gate must take it back"
        [behind] = book.verdict(inspected(late), START_NS + 150 * MS)
        assert behind.record.reason is reason
        assert not behind.record.accepted or behind.window_start_ns > ahead.window_end_ns


@settings(max_examples=200, deadline=None)
@given(
    spacings_ms=st.lists(st.sampled_from([1, 4, 9, 11, 20, 45, 79, 81, 120, 400]), min_size=2, max_size=8),
    bad=st.sets(st.integers(0, 8)),
    data=st.data(),
)
def test_no_window_holds_another_part(spacings_ms: list[int], bad: set[int], data: st.DataObject) -> None:
    """What is said of one part keeps its order; what is said of different ones may overtake each other by 60 ms."""
    gaps, times, said = Gaps(0, 2 * REACH.half_ns + 1), {}, []
    for number, spacing_ms in enumerate(spacings_ms):
        before_ns = max(times.values(), default=START_NS)
        if (gap := gaps.watched(before_ns + spacing_ms * MS - 1)) is not None:
            said.append((gap.until_ns, announcement(times[gap.part_id], gap)))
        times[str(number)] = before_ns + spacing_ms * MS
        sighting = gaps.trigger(str(number), times[str(number)])
        said += [(times[str(number)], announcement(times[g.part_id], g)) for g in (sighting.gap, *sighting.ended)]
    last = gaps.watched(max(times.values()) + 200 * MS)
    assert last
    said.append((last.until_ns, announcement(times[last.part_id], last)))
    late_ns = {part_id: data.draw(st.integers(0, 60)) * MS for part_id in times}
    events = [(at_ns + late_ns[told.part_id], told) for at_ns, told in said]
    for number, (part_id, trigger_ns) in enumerate(times.items()):
        told = announcement(trigger_ns, Gap(part_id, 0, 0, False))
        score = 0.9 if number in bad else 0.1
        events.append((trigger_ns + data.draw(st.integers(1, 330)) * MS, inspected(told, score)))
    decisions = played(new_book(), sorted(events, key=lambda event: event[0]))
    assert set(decisions) == set(times)
    accepted = [decision for decision in decisions.values() if decision.record.accepted]
    for decision in accepted:
        for part_id, trigger_ns in times.items():
            inside = decision.window_start_ns <= trigger_ns + TRAVEL_NS <= decision.window_end_ns
            assert inside == (part_id == decision.record.part_id)
        others = [other for other in accepted if other is not decision]
        assert all(
            other.window_end_ns < decision.window_start_ns or decision.window_end_ns < other.window_start_ns
            for other in others
        )


def played(book: PartBook, events: list[tuple[int, Announcement | Verdict]]) -> dict[str, Decision]:
    """What becomes of every part when these messages come at these moments."""
    decisions: list[Decision] = []
    for at_ns, message in events:
        while book.next_deadline_ns() <= at_ns:
            decisions += book.expire(book.next_deadline_ns(), worker_down=False)
        if isinstance(message, Verdict):
            decisions += book.verdict(message, at_ns)
        else:
            decisions += book.announce(message, at_ns)
    decisions += book.expire(2**62, worker_down=False)
    assert len({decision.record.part_id for decision in decisions}) == len(decisions)
    return {decision.record.part_id: decision for decision in decisions}
