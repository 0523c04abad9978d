"""The choice of a batch: every frame accounted for, nothing late by the estimate, nothing starved for ever."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_inspector.inference.batching import Choice, choose_batch

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
def test_the_batch_is_in_order_and_passes_urgent_frames_over_only_to_save_more(due, latency, size) -> None:
    choice = choose_batch(due, NOW_NS, latency, size)
    kept = [due[i] for i in range(len(due)) if i not in {*choice.batch, *choice.skipped}]
    assert [due[i] for i in choice.batch] == sorted(due[i] for i in choice.batch)
    if choice.batch and any(deadline < due[choice.batch[0]] for deadline in kept):
        ready = [deadline for i, deadline in enumerate(due) if i not in choice.skipped]
        assert worked_off(ready, latency, size, choose_batch) > worked_off(ready, latency, size, most_urgent_first)


@given(deadlines, latencies(), sizes)
def test_only_what_cannot_be_in_time_alone_is_skipped(due, latency, size) -> None:
    choice = choose_batch(due, NOW_NS, latency, size)
    assert all(due[i] < NOW_NS + latency(1) for i in choice.skipped)
    kept = [i for i in range(len(due)) if i not in {*choice.batch, *choice.skipped}]
    assert all(due[i] >= NOW_NS + latency(1) for i in kept)


@given(deadlines, latencies(), sizes)
def test_no_batch_misses_its_earliest_deadline_by_the_estimate_while_a_smaller_one_holds_it(due, latency, size) -> None:
    choice = choose_batch(due, NOW_NS, latency, size)
    if choice.batch and any(deadline >= NOW_NS + latency(1) for deadline in due):  # else the last hope, see below
        assert NOW_NS + latency(len(choice.batch)) <= due[choice.batch[0]]


@given(deadlines, latencies(), sizes)
def test_a_queue_that_can_be_worked_off_in_time_is_and_never_fewer_frames_than_most_urgent_first(
    due, latency, size
) -> None:
    assert worked_off(due, latency, size, choose_batch) >= worked_off(due, latency, size, most_urgent_first)


def test_an_overloaded_worker_keeps_to_large_batches() -> None:
    """The most urgent frame leaves time for itself alone; passing it over saves eight."""
    due = [NOW_NS + 2_100_000, *(NOW_NS + 3_000_000 + n for n in range(8))]
    choice = choose_batch(due, NOW_NS, lambda n: 2_000_000 + n * 100_000, 8)
    assert choice.batch == tuple(range(1, 9))
    assert choice.skipped == ()


def test_an_urgent_frame_goes_first_and_alone_where_the_others_can_wait() -> None:
    due = [NOW_NS + 50_000_000 + n for n in range(8)] + [NOW_NS + 2_100_000]
    assert choose_batch(due, NOW_NS, lambda n: 2_000_000 + n * 100_000, 8).batch == (8,)


@pytest.mark.parametrize(("each_ns", "fixed_ns", "batch"), [(20, 0, 1), (20, 1, 1), (20, 20, 6)])
def test_frames_go_one_by_one_where_a_batch_gains_nothing(each_ns: int, fixed_ns: int, batch: int) -> None:
    due = [NOW_NS + 10**9] * 6
    assert len(choose_batch(due, NOW_NS, lambda n: fixed_ns + n * each_ns, 8).batch) == batch


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


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 3000)), max_size=30), latencies(), sizes)
def test_no_frame_waits_beyond_its_deadline_whatever_comes_after_it(arrivals, latency, size) -> None:
    """Frames (when, how long until due) keep coming; each is answered or named late by the batch that passes it."""
    coming = sorted((NOW_NS + at, NOW_NS + at + within) for at, within in arrivals)
    waiting: list[int] = []
    now_ns, gone = NOW_NS, 0
    while coming or waiting:
        waiting += [due for at, due in coming if at <= now_ns]
        coming = [(at, due) for at, due in coming if at > now_ns]
        if not waiting:
            now_ns = coming[0][0]
            continue
        choice = choose_batch(waiting, now_ns, latency, size)
        taken = {*choice.batch, *choice.skipped}
        assert taken, "a queue that nothing is done for"
        waiting = [due for i, due in enumerate(waiting) if i not in taken]
        assert all(due >= now_ns + latency(1) for due in waiting)
        gone += len(taken)
        now_ns += latency(len(choice.batch)) if choice.batch else 0
    assert gone == len(arrivals)


def test_an_empty_queue_asks_for_nothing() -> None:
    choice = choose_batch([], NOW_NS, lambda n: 1, 4)
    assert (choice.batch, choice.skipped) == ((), ())


def test_an_example_in_round_numbers() -> None:
    """16 ms for one, 22 for two: due in 5 ms is too late, two fit before the one due in 25 ms, the rest waits."""
    due = [NOW_NS + ms * 1_000_000 for ms in (90, 5, 25, 40)]
    choice = choose_batch(due, NOW_NS, lambda n: 10_000_000 + n * 6_000_000, 8)
    assert choice.batch == (2, 3)
    assert choice.skipped == (1,)


def most_urgent_first(due: list[int], now_ns: int, latency: Callable[[int], int], size: int) -> Choice:
    """The most frames, from the most urgent one on, that hold its deadline; what cannot be in time is skipped."""
    order = sorted(range(len(due)), key=lambda i: due[i])
    ready = [i for i in order if due[i] >= now_ns + latency(1)]
    if not ready:
        return Choice((), tuple(order))
    fitting = [n for n in range(1, min(size, len(ready)) + 1) if now_ns + latency(n) <= due[ready[0]]]
    return Choice(tuple(ready[: max(fitting)]), tuple(i for i in order if i not in ready))


def worked_off(due: list[int], latency: Callable[[int], int], size: int, choose: Callable[..., Choice]) -> int:
    """How many of these frames are in time when a worker that keeps to the estimate follows the choices."""
    waiting, now_ns, in_time = list(due), NOW_NS, 0
    while waiting:
        choice = choose(waiting, now_ns, latency, size)
        now_ns += latency(len(choice.batch)) if choice.batch else 0
        in_time += sum(waiting[i] >= now_ns for i in choice.batch)
        taken = {*choice.batch, *choice.skipped}
        waiting = [deadline for i, deadline in enumerate(waiting) if i not in taken]
    return in_time
