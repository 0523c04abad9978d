"""Which parts are shown when more come than fit."""

from hypothesis import given
from hypothesis import strategies as st
from overlay_results import result

from line_inspector.overlay.pacing import HOLD_REJECT_NS, Pacer

SLOW_NS, FAST_NS = 1000, 100


def test_an_accept_does_not_hide_a_reject_that_waits() -> None:
    pacer = Pacer()
    assert pacer.offer(result(1)) is None
    assert pacer.offer(result(2, accepted=False)) is None
    assert pacer.offer(result(3)) is None
    shown = pacer.due(0, SLOW_NS, FAST_NS)
    assert shown is not None
    assert shown.part_id == "top-2"


def test_a_reject_waits_less_than_an_accept() -> None:
    pacer = Pacer()
    pacer.offer(result(1))
    assert pacer.due(0, SLOW_NS, FAST_NS)
    pacer.offer(result(2))
    assert pacer.due(FAST_NS, SLOW_NS, FAST_NS) is None
    pacer.offer(result(3, accepted=False))
    assert pacer.due(FAST_NS, SLOW_NS, FAST_NS)
    assert pacer.due(10 * SLOW_NS, SLOW_NS, FAST_NS) is None


def test_a_shown_reject_stays_long_enough_to_be_seen() -> None:
    pacer = Pacer()
    pacer.offer(result(1, accepted=False))
    assert pacer.due(0, SLOW_NS, FAST_NS)
    pacer.offer(result(2))
    assert pacer.due(HOLD_REJECT_NS - 1, SLOW_NS, FAST_NS) is None
    pacer.offer(result(3, accepted=False))
    newer = pacer.due(HOLD_REJECT_NS - 1, SLOW_NS, FAST_NS)
    assert newer and newer.part_id == "top-3"
    pacer.offer(result(4))
    assert pacer.due(2 * HOLD_REJECT_NS, SLOW_NS, FAST_NS)


@given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=60))
def test_no_reject_is_lost_and_no_two_are_shown_closer_than_the_interval(parts: list[tuple[int, bool]]) -> None:
    pacer, now_ns = Pacer(), 0
    shown_at: list[int] = []
    seen: list[str] = []
    for number, (pause_ns, accepted) in enumerate(parts):
        now_ns += pause_ns
        displaced = pacer.offer(result(number, accepted=accepted))
        seen += [displaced.part_id] if displaced else []
        shown = pacer.due(now_ns, SLOW_NS, FAST_NS)
        if shown:
            shown_at.append(now_ns)
            seen.append(shown.part_id)
    last = pacer.due(now_ns + HOLD_REJECT_NS, SLOW_NS, FAST_NS)
    seen += [last.part_id] if last else []
    assert all(later - earlier >= FAST_NS for earlier, later in zip(shown_at, shown_at[1:], strict=False))
    rejects = [f"top-{number}" for number, (_, accepted) in enumerate(parts) if not accepted]
    assert [part for part in seen if part in rejects] == rejects
