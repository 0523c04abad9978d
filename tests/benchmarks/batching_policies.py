"""What batching.py compares: the line's own policy, and the two that people write first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from line_inspector.inference.batching import choose_batch

Latency = Callable[[int], int]
NEVER_NS = 2**62


class Waiting(Protocol):
    """A frame in the queue."""

    @property
    def at_ns(self) -> int: ...

    @property
    def deadline_ns(self) -> int: ...


@dataclass(frozen=True)
class Plan:
    """Positions in the queue to infer now and to give up; without any of both, when to ask again."""

    batch: tuple[int, ...]
    skipped: tuple[int, ...]
    wake_ns: int = NEVER_NS


Policy = Callable[[Sequence[Waiting], int, Latency, int], Plan]


def by_deadline(waiting: Sequence[Waiting], now_ns: int, latency: Latency, max_batch: int) -> Plan:
    """The line's own."""
    choice = choose_batch([frame.deadline_ns for frame in waiting], now_ns, latency, max_batch)
    return Plan(choice.batch, choice.skipped)


def fixed_batch(size: int) -> Policy:
    """In order of arrival, when `size` frames wait, or when the first can wait no longer."""

    def plan(waiting: Sequence[Waiting], now_ns: int, latency: Latency, _max_batch: int) -> Plan:
        ready, skipped = _in_time(waiting, now_ns, latency)
        if not ready:
            return Plan((), skipped)
        last_ns = min(waiting[i].deadline_ns for i in ready) - latency(size)
        if len(ready) >= size or now_ns >= last_ns:
            return Plan(tuple(ready[:size]), skipped)
        return Plan((), skipped, last_ns)

    return plan


def fixed_wait(wait_ns: int) -> Policy:
    """In order of arrival, `wait_ns` after the first frame has come, or when the largest batch is full."""

    def plan(waiting: Sequence[Waiting], now_ns: int, latency: Latency, max_batch: int) -> Plan:
        ready, skipped = _in_time(waiting, now_ns, latency)
        if not ready:
            return Plan((), skipped)
        start_ns = waiting[ready[0]].at_ns + wait_ns
        if len(ready) >= max_batch or now_ns >= start_ns:
            return Plan(tuple(ready[:max_batch]), skipped)
        return Plan((), skipped, start_ns)

    return plan


def _in_time(waiting: Sequence[Waiting], now_ns: int, latency: Latency) -> tuple[list[int], tuple[int, ...]]:
    ready = [i for i, frame in enumerate(waiting) if frame.deadline_ns >= now_ns + latency(1)]
    return ready, tuple(sorted({*range(len(waiting))} - {*ready}))


POLICIES: dict[str, Policy] = {
    "by deadline": by_deadline,
    "fixed batch 1": fixed_batch(1),
    "fixed batch 8": fixed_batch(8),
    "fixed wait 2 ms": fixed_wait(2_000_000),
    "fixed wait 5 ms": fixed_wait(5_000_000),
}
