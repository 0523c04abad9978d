"""The choice of a batch: every frame accounted for, nothing late by the estimate, nothing starved for ever."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from line_inspector.inference.batching import choose_batch

NOW_NS = 1_000_000_000

deadlines = st.lists(st.integers(NOW_NS - 10_000, NOW_NS + 10_000), max_size=20)
sizes = st.integers(1, 8)


@st.composite
def latencies(draw: st.DrawFn) -> Callable[[int], int]:
    """A latency per batch size that never falls with the size."""
    steps = draw(st.lists(st.integers(0, 1500), min_size=9, max_size=9))
    return lambda size: sum(steps[:size])


@given(deadlines, latencies(), sizes)
def test_every_frame_is_inferred_skipped_or_kept_and_never_two_of_these(due, latency, size) -> None:
    choice = choose_batch(due, NOW_NS, latency, size)
    taken = [*choice.batch, *choice.skipped]
    assert len(taken) == len(set(taken))
    assert set(taken) <= set(range(len(due)))
    assert len(choice.batch) <= size


@given(deadlines, latencies(), sizes)
def test_the_batch_is_the_most_urgent_of_what_can_be_in_time(due, latency, size) -> None:
    choice = choose_batch(due, NOW_NS, latency, size)
    kept = [i for i in range(len(due)) if i not in {*choice.batch, *choice.skipped}]
    assert [due[i] for i in choice.batch] == sorted(due[i] for i in choice.batch)
    if choice.batch:
        assert all(due[i] >= due[choice.batch[-1]] for i in kept)


@given(deadlines, latencies(), sizes)
def test_only_what_cannot_be_in_time_alone_is_skipped(due, latency, size) -> None:
    choice = choose_batch(due, NOW_NS, latency, size)
    assert all(due[i] < NOW_NS + latency(1) for i in choice.skipped)
    kept = [i for i in range(len(due)) if i not in {*choice.batch, *choice.skipped}]
    assert all(due[i] >= NOW_NS + latency(1) for i in kept)


@given(deadlines, latencies(), sizes)
def test_a_batch_holds_its_earliest_deadline_and_no_larger_one_would(due, latency, size) -> None:
    choice = choose_batch(due, NOW_NS, latency, size)
    if not choice.batch or due[choice.batch[0]] < NOW_NS + latency(1):
        return  # nothing to do, or the last hope, see below
    earliest = due[choice.batch[0]]
    assert NOW_NS + latency(len(choice.batch)) <= earliest
    more_are_ready = len(choice.batch) + len(choice.skipped) < len(due)
    if more_are_ready and len(choice.batch) < size:
        assert NOW_NS + latency(len(choice.batch) + 1) > earliest


@given(deadlines, latencies(), sizes)
def test_after_the_longest_wait_one_frame_more_still_holds_the_earliest_deadline(due, latency, size) -> None:
    choice = choose_batch(due, NOW_NS, latency, size)
    assert choice.may_wait_ns >= 0
    if choice.may_wait_ns:
        assert len(choice.batch) < size
        assert NOW_NS + choice.may_wait_ns + latency(len(choice.batch) + 1) <= due[choice.batch[0]]


@given(st.lists(st.integers(NOW_NS - 50, NOW_NS + 50), min_size=1, max_size=9), sizes)
def test_when_the_estimate_says_all_are_late_the_last_one_is_tried_while_it_can_be(due, size) -> None:
    choice = choose_batch(due, NOW_NS, lambda n: 1_000_000, size)
    if max(due) > NOW_NS:
        assert len(choice.batch) == 1 and due[choice.batch[0]] == max(due)
        assert len(choice.skipped) == len(due) - 1
    else:
        assert choice.batch == ()
        assert sorted(choice.skipped) == list(range(len(due)))


@given(st.lists(st.integers(NOW_NS, NOW_NS + 10**9), max_size=40), st.integers(1, 10**8), sizes)
def test_working_the_queue_off_answers_every_frame_once(due, each_ns, size) -> None:
    """Follow the choices until the queue is empty, with a worker that keeps exactly to the estimate."""
    waiting, now_ns, answered = dict(enumerate(due)), NOW_NS, []
    while waiting:
        keys = list(waiting)
        choice = choose_batch([waiting[k] for k in keys], now_ns, lambda n: n * each_ns, size)
        assert choice.batch or choice.skipped
        is_last_hope = bool(choice.batch) and waiting[keys[choice.batch[0]]] < now_ns + each_ns
        now_ns += len(choice.batch) * each_ns
        if not is_last_hope:
            assert all(waiting[keys[i]] >= now_ns for i in choice.batch)
        answered += [keys[i] for i in (*choice.batch, *choice.skipped)]
        waiting = {k: v for k, v in waiting.items() if k not in set(answered)}
    assert sorted(answered) == list(range(len(due)))


def test_an_empty_queue_asks_for_nothing() -> None:
    choice = choose_batch([], NOW_NS, lambda n: 1, 4)
    assert (choice.batch, choice.skipped, choice.may_wait_ns) == ((), (), 0)


def test_an_example_in_round_numbers() -> None:
    """10 ms a frame: due in 5 ms is too late, two fit before the one due in 25 ms, the rest waits."""
    due = [NOW_NS + ms * 1_000_000 for ms in (90, 5, 25, 40)]
    choice = choose_batch(due, NOW_NS, lambda n: n * 10_000_000, 8)
    assert choice.batch == (2, 3)
    assert choice.skipped == (1,)
    assert choice.may_wait_ns == 0
