"""Which waiting frames to infer now: a pure function of their deadlines, the time, and the latency per batch size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """What to do with the queue; the numbers are positions in the list of deadlines that was given.

    `batch` is to be inferred now, earliest deadline first. `skipped` can no longer be answered in time: say so, and do
    not infer. Whatever is in neither stays queued. `may_wait_ns` is how long the batch could still wait for one more
    frame without making its earliest deadline late; 0 when the batch is full or there is nothing to wait with.
    """

    batch: tuple[int, ...]
    skipped: tuple[int, ...]
    may_wait_ns: int


def choose_batch(
    deadlines_ns: Sequence[int],
    now_ns: int,
    latency_ns: Callable[[int], int],
    max_batch_size: int,
) -> Choice:
    """Choose the next batch: the most frames, in order of deadline, that are still all in time at its earliest one.

    `latency_ns(n)` is the expected time from now to the verdicts of a batch of n frames. A frame is skipped when even
    a batch of one would be late. If that is so for all of them, the estimate itself may be wrong (measured while the
    machine was busy), and skipping for ever would never correct it: then the frame with the latest deadline is tried
    alone, if that deadline has not passed.
    """
    by_deadline = sorted(range(len(deadlines_ns)), key=lambda i: (deadlines_ns[i], i))
    earliest_ns = now_ns + latency_ns(1) if by_deadline else now_ns
    skipped = [i for i in by_deadline if deadlines_ns[i] < earliest_ns]
    ready = by_deadline[len(skipped) :]
    if not ready:
        return _try_most_hopeful(deadlines_ns, skipped, now_ns)
    slack_ns = deadlines_ns[ready[0]] - now_ns
    largest = min(len(ready), max_batch_size)
    size = next(n for n in range(largest, 0, -1) if n == 1 or latency_ns(n) <= slack_ns)
    may_wait_ns = 0
    if size == len(ready) < max_batch_size:
        may_wait_ns = max(0, slack_ns - latency_ns(size + 1))
    return Choice(tuple(ready[:size]), tuple(skipped), may_wait_ns)


def _try_most_hopeful(deadlines_ns: Sequence[int], late: list[int], now_ns: int) -> Choice:
    if late and deadlines_ns[late[-1]] > now_ns:
        return Choice((late[-1],), tuple(late[:-1]), 0)
    return Choice((), tuple(late), 0)
