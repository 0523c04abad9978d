"""Which cores of a machine run the network, and which are left for the other stations."""

import math
import os
from collections.abc import Collection
from dataclasses import dataclass

from line_inspector.config.cpu_quota import cpu_quota
from line_inspector.config.line import Line

STATIONS_PER_CORE = 4  # capture, decision and overlay wait most of the time
MOST_THREADS = 8  # of one network by default: one image at a time gains little from more
WORKERS = ("inference", "worker")
# When the process began: with `inference.pin` it may use fewer of them later.
CORES = frozenset(os.sched_getaffinity(0))


@dataclass(frozen=True)
class CorePlan:
    """`threads` of the network in each worker; the numbers of the cores of all workers, and of all other stations.

    Where there is only one core, both have it. Processes keep to it only with `inference.pin`.
    """

    threads: int
    inference: tuple[int, ...]
    others: tuple[int, ...]

    def cores_of(self, kind: str) -> tuple[int, ...]:
        """The cores of a station of this kind, such as `capture`."""
        return self.inference if kind in WORKERS else self.others


def core_plan(line: Line, cores: Collection[int] | None = None, quota: float | None = None) -> CorePlan:
    """Share out `cores`, by default those that this process might use when it began, as far as `quota` pays for them.

    One core is left for every STATIONS_PER_CORE stations that do not run the network; the workers on this host share
    the rest, at most MOST_THREADS threads each. `quota` is in cores' time, by default this process's own: of 2.5, two
    are shared out, so that nobody is stopped in the middle of a frame. `inference.threads`, where set, counts instead.
    """
    usable = sorted(CORES if cores is None else cores)
    paid = math.floor(min(len(usable), max(1, cpu_quota() if quota is None else quota)))
    workers = max(1, sum(worker.is_local for worker in line.inference.workers.values()))
    stations = len(line.cameras) + (1 if line.counter else 0) + 2  # decision and overlay
    left = max(1, paid - -(-stations // STATIONS_PER_CORE))
    threads = line.inference.threads or min(MOST_THREADS, max(1, left // workers))
    taken = min(threads * workers, len(usable) - 1)
    if not taken:
        return CorePlan(threads, tuple(usable), tuple(usable))
    return CorePlan(threads, tuple(usable[-taken:]), tuple(usable[:-taken]))
