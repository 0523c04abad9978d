"""Which waiting frames to infer now: a pure function of their deadlines, the time, and the latency per batch size.

It never waits for more frames: simulated (docs/benchmarks.md), a worker that starts with what is there is never worse.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

WORTH_A_LARGER_BATCH = 1.05  # smaller batches are taken, as their frames wait less, if all together take no longer


@dataclass(frozen=True)
class Choice:
    """What to do with the queue; the numbers are positions in the list of deadlines that was given.

    `batch` is to be inferred now, earliest deadline first. `skipped` can no longer be answered in time: say so, and do
    not infer. Whatever is in neither stays queued.
    """

    batch: tuple[int, ...]
    skipped: tuple[int, ...]


def choose_batch(
    deadlines_ns: Sequence[int],
    now_ns: int,
    latency_ns: Callable[[int], int],
    max_batch_size: int,
) -> Choice:
    """Choose the next batch, in order of deadline, so that it holds its earliest one, and most frames hold theirs.

    `latency_ns(n)` is the expected time from now to the verdicts of a batch of n frames. A frame is skipped when even
    a batch of one would be late. If that is so for all of them, the estimate itself may be wrong (measured while the
    machine was busy), and skipping for ever would never correct it: then the frame with the latest deadline is tried
    alone, if that deadline has not passed.

    The batch begins with the most urgent frame, unless more frames were lost that way: an overloaded worker that always
    took what can only just be reached would have time for small batches alone, and lose nearly everything.
    """
    by_deadline = sorted(range(len(deadlines_ns)), key=lambda i: (deadlines_ns[i], i))
    earliest_ns = now_ns + latency_ns(1) if by_deadline else now_ns
    skipped = [i for i in by_deadline if deadlines_ns[i] < earliest_ns]
    ready = by_deadline[len(skipped) :]
    if not ready:
        return _try_most_hopeful(deadlines_ns, skipped, now_ns)
    costs_ns = [0, *(latency_ns(n) for n in range(1, min(len(ready), max_batch_size) + 1))]
    batch = _best_batch([deadlines_ns[i] for i in ready], now_ns, costs_ns)
    return Choice(tuple(ready[batch]), tuple(skipped))


def _best_batch(due_ns: list[int], now_ns: int, costs_ns: list[int]) -> slice:
    """The first batch after which no frame is late, or that after which most are in time. `due_ns` is in order."""
    best, most = slice(0, 0), -1
    for batch in _candidates(due_ns, now_ns, costs_ns):
        size = batch.stop - batch.start
        rest_ns = due_ns[: batch.start] + due_ns[batch.stop :]
        in_time = size + _answered_in_time(rest_ns, now_ns + costs_ns[size], costs_ns)
        if in_time == len(due_ns):
            return batch
        if in_time > most:
            best, most = batch, in_time
    return best


def _candidates(due_ns: list[int], now_ns: int, costs_ns: list[int]) -> Iterator[slice]:
    """Batches that hold their earliest deadline: from the most urgent frame on, then those that pass some over."""
    largest = _largest(due_ns[0] - now_ns, costs_ns, len(due_ns))
    yield slice(0, _worthwhile(largest, costs_ns, len(due_ns)))
    yield slice(0, largest)
    size = len(costs_ns) - 1
    while size > largest:
        start = bisect_left(due_ns, now_ns + costs_ns[size])
        if 0 < start < len(due_ns):
            yield slice(start, min(start + size, len(due_ns)))
        size //= 2


def _worthwhile(largest: int, costs_ns: list[int], waiting: int) -> int:
    """The size up to `largest` that gets through most, or, where one batch could take all, the least worth it."""
    if largest < waiting:
        return min(range(1, largest + 1), key=lambda n: costs_ns[n] / n)
    bound_ns = WORTH_A_LARGER_BATCH * costs_ns[waiting]
    return next(n for n in range(1, waiting + 1) if waiting // n * costs_ns[n] + costs_ns[waiting % n] <= bound_ns)


def _answered_in_time(due_ns: list[int], now_ns: int, costs_ns: list[int]) -> int:
    """How many frames a worker answers in time that always begins with the most urgent one, if no more come."""
    answered = start = 0
    while (start := bisect_left(due_ns, now_ns + costs_ns[1], start)) < len(due_ns):
        size = _largest(due_ns[start] - now_ns, costs_ns, len(due_ns) - start)
        answered, start, now_ns = answered + size, start + size, now_ns + costs_ns[size]
    return answered


def _largest(slack_ns: int, costs_ns: list[int], waiting: int) -> int:
    """The largest batch of so many frames that takes no longer than `slack_ns`; one frame is known to fit."""
    return next(n for n in range(min(waiting, len(costs_ns) - 1), 0, -1) if n == 1 or costs_ns[n] <= slack_ns)


def _try_most_hopeful(deadlines_ns: Sequence[int], late: list[int], now_ns: int) -> Choice:
    if late and deadlines_ns[late[-1]] > now_ns:
        return Choice((late[-1],), tuple(late[:-1]))
    return Choice((), tuple(late))
