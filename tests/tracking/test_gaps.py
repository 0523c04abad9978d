"""gaps.py: what a camera says of the gaps between its parts is true, whenever and in whichever order triggers come."""

from hypothesis import given
from hypothesis import strategies as st

from line_inspector.tracking.gaps import REMEMBERED_TRIGGERS, Gap, Gaps

ENOUGH_NS = 80


def test_a_gap_begins_with_the_part_before_and_ends_with_the_one_behind() -> None:
    gaps = Gaps(watching_since_ns=0, enough_ns=ENOUGH_NS)
    assert gaps.trigger("a", 100).gap == Gap("a", 0, 100, followed=False)
    seen = gaps.trigger("b", 150)
    assert seen.gap == Gap("b", 100, 150, followed=False)
    assert seen.ended == (Gap("a", 0, 150, followed=True),)


def test_a_gap_is_told_of_once_it_is_wide_enough() -> None:
    gaps = Gaps(watching_since_ns=0, enough_ns=ENOUGH_NS)
    gaps.trigger("a", 100)
    assert gaps.next_ns == 180 and gaps.watched(179) is None
    assert gaps.watched(180) == Gap("a", 0, 180, followed=False)
    assert gaps.watched(200) is None and gaps.next_ns == 260
    gaps.enough()
    assert gaps.watched(400) is None and gaps.next_ns is None


def test_nothing_is_known_of_the_time_before_the_first_look() -> None:
    gaps = Gaps(watching_since_ns=1_000, enough_ns=ENOUGH_NS)
    gaps.trigger("old", 400)  # repeated by its source, since nobody was there
    assert gaps.trigger("early", 990).gap.from_ns == 990
    assert gaps.trigger("a", 1_030).gap.from_ns == 1_000


def test_a_trigger_within_a_parts_length_is_the_same_part_again() -> None:
    gaps = Gaps(watching_since_ns=0, enough_ns=ENOUGH_NS, double_ns=20)
    gaps.trigger("a", 100)
    again = gaps.trigger("a'", 119)
    assert again.double and again.ended == ()
    assert gaps.watched(200) == Gap("a", 0, 200, followed=False)
    assert not gaps.trigger("b", 220).double


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=40, unique=True), st.data())
def test_what_is_said_last_of_each_part_is_true(times: list[int], data: st.DataObject) -> None:
    """Triggers may come late, up to 60 after others; then gaps that were told already are told anew."""
    arrivals = sorted(times, key=lambda at_ns: at_ns + data.draw(st.integers(0, 60)))
    gaps, said = Gaps(watching_since_ns=0, enough_ns=ENOUGH_NS), {}
    for at_ns in arrivals:
        sighting = gaps.trigger(str(at_ns), at_ns)
        said |= {gap.part_id: gap for gap in (sighting.gap, *sighting.ended)}
    watched = gaps.watched(6_000)
    assert watched
    said[watched.part_id] = watched
    for at_ns in times:
        gap = said[str(at_ns)]
        assert gap.from_ns == max((other for other in times if other < at_ns), default=0)
        assert gap.until_ns == min((other for other in times if other > at_ns), default=6_000)
        assert gap.followed == (at_ns < max(times))


def test_old_triggers_are_forgotten_and_what_is_said_stays_true() -> None:
    gaps = Gaps(watching_since_ns=0, enough_ns=ENOUGH_NS)
    for number in range(1, 3 * REMEMBERED_TRIGGERS):
        gaps.trigger(str(number), 100 * number)
    last_ns = 100 * (3 * REMEMBERED_TRIGGERS - 1)
    assert gaps.trigger("late", 50).gap == Gap("late", 50, last_ns - 100 * (REMEMBERED_TRIGGERS - 1), followed=True)
