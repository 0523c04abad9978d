"""Batching policies against each other, simulated: no clock, no engine, the same arrivals for each.

    python tests/benchmarks/batching.py [--seconds 20] [--seed 0]

The policy of inference/batching.py, which goes by deadlines and the latency per batch size, stands beside what people
write first: a batch of fixed size, started when it is full or when its first frame could wait no longer, and a fixed
wait after the first frame. Every policy is told which frames wait, what the time is, and how long batches take, and
none may answer late: what cannot make its deadline is skipped, by all of them in the same way. Prints a table for each
kind of engine: parts late or skipped, mean and 99th percentile of the time from arrival to answer, and the share of
time in which the engine works.
"""

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parent))

from batching_policies import POLICIES, Latency, Policy

MS = 1_000_000
MAX_BATCH = 16


@dataclass(frozen=True)
class Arrival:
    """One frame: when it comes and when its answer is due, in ns."""

    at_ns: int
    deadline_ns: int


@dataclass(frozen=True)
class Outcome:
    """What a policy made of the arrivals. Times from arrival to answer, of the frames that were answered."""

    frames: int
    skipped: int
    late: int
    took_ns: tuple[int, ...]
    busy: float

    @property
    def lost(self) -> float:
        """Share of frames without an answer in time."""
        return (self.skipped + self.late) / self.frames


def simulate(
    arrivals: Sequence[Arrival], policy: Policy, expected_ns: Latency, max_batch: int, actual_ns: Latency | None = None
) -> Outcome:
    """Run the worker's loop: take what has come, ask the policy, infer or wait. `arrivals` in order of time.

    The policy is told `expected_ns`; batches take `actual_ns`, which is the same unless given.
    """
    actual_ns = actual_ns or expected_ns
    waiting: list[Arrival] = []
    took_ns: list[int] = []
    now_ns = busy_ns = skipped = late = taken = 0
    while taken < len(arrivals) or waiting:
        while taken < len(arrivals) and arrivals[taken].at_ns <= now_ns:
            waiting.append(arrivals[taken])
            taken += 1
        choice = policy(waiting, now_ns, expected_ns, max_batch)
        skipped += len(choice.skipped)
        batch = [waiting[i] for i in choice.batch]
        gone = {*choice.batch, *choice.skipped}
        waiting = [frame for i, frame in enumerate(waiting) if i not in gone]
        if batch:
            length_ns = actual_ns(len(batch))
            now_ns, busy_ns = now_ns + length_ns, busy_ns + length_ns
            late += sum(frame.deadline_ns < now_ns for frame in batch)
            took_ns += [now_ns - frame.at_ns for frame in batch]
        elif not choice.skipped:
            next_ns = arrivals[taken].at_ns if taken < len(arrivals) else choice.wake_ns
            now_ns = max(now_ns + 1, min(next_ns, choice.wake_ns) if waiting else next_ns)
    return Outcome(len(arrivals), skipped, late, tuple(took_ns), busy_ns / max(1, now_ns))


def affine(fixed_ms: float, each_ms: float) -> Latency:
    """A batch of n takes `fixed_ms` + n `each_ms`."""
    return lambda n: int((fixed_ms + n * each_ms) * MS)


ENGINES = {  # name: (latency per batch size, deadline)
    "GPU: 1.6 ms + 0.25 ms a frame": (affine(1.6, 0.25), 25),
    "CPU: 20 ms a frame, a batch gains a twentieth": (affine(1.0, 19.0), 250),
}


def capacity_hz(latency: Latency, max_batch: int) -> float:
    """Frames per second in batches of the size that is quickest for each."""
    return 1e9 / min(latency(n) / n for n in range(1, max_batch + 1))


def regular(rate_hz: float, seconds: float, deadline_ms: float, _rng: random.Random) -> list[Arrival]:
    """Evenly spaced."""
    return [_arrival(n / rate_hz, deadline_ms) for n in range(int(rate_hz * seconds))]


def poisson(rate_hz: float, seconds: float, deadline_ms: float, rng: random.Random) -> list[Arrival]:
    """Independent of each other."""
    at_s, found = rng.expovariate(rate_hz), []
    while at_s < seconds:
        found.append(_arrival(at_s, deadline_ms))
        at_s += rng.expovariate(rate_hz)
    return found


def bursts(rate_hz: float, seconds: float, deadline_ms: float, rng: random.Random, cameras: int = 8) -> list[Arrival]:
    """`cameras` triggered together, their frames within 2 ms of each other."""
    count = int(rate_hz / cameras * seconds)
    moments = [n * cameras / rate_hz + rng.uniform(0, 0.002) for n in range(count) for _ in range(cameras)]
    return [_arrival(at_s, deadline_ms) for at_s in sorted(moments)]


def two_belts(rate_hz: float, seconds: float, deadline_ms: float, rng: random.Random) -> list[Arrival]:
    """Poisson; every fourth frame is of a camera that stands near its gate and has a third of the time."""
    found = poisson(rate_hz, seconds, deadline_ms, rng)
    urgent_ns = int(deadline_ms / 3 * MS)
    return [Arrival(a.at_ns, a.at_ns + urgent_ns) if n % 4 == 0 else a for n, a in enumerate(found)]


Pattern = Callable[[float, float, float, random.Random], list[Arrival]]
PATTERNS: dict[str, tuple[Pattern, float]] = {  # name: (arrivals, load as a share of the engine's capacity)
    "regular, load 0.3": (regular, 0.3),
    "regular, load 0.9": (regular, 0.9),
    "Poisson, load 0.5": (poisson, 0.5),
    "Poisson, load 0.9": (poisson, 0.9),
    "8 cameras together, load 0.5": (bursts, 0.5),
    "two deadlines, load 0.8": (two_belts, 0.8),
    "overload, load 1.3": (poisson, 1.3),
    "one slow batch, load 0.7": (poisson, 0.7),
}


def compare(engine: str, pattern: str, seconds: float, seed: int) -> dict[str, Outcome]:
    """Every policy on the same arrivals."""
    latency, deadline_ms = ENGINES[engine]
    make, load = PATTERNS[pattern]
    arrivals = make(load * capacity_hz(latency, MAX_BATCH), seconds, deadline_ms, random.Random(seed))
    outcomes = {}
    for name, policy in POLICIES.items():
        actual = one_slow(latency, int(3 * deadline_ms * MS)) if "slow" in pattern else latency
        outcomes[name] = simulate(arrivals, policy, latency, MAX_BATCH, actual)
    return outcomes


def one_slow(latency: Latency, slow_ns: int) -> Latency:
    """The tenth batch takes `slow_ns`."""
    batches = iter(range(sys.maxsize))
    return lambda n: slow_ns if next(batches) == 10 else latency(n)


def _arrival(at_s: float, deadline_ms: float) -> Arrival:
    at_ns = int(at_s * 1e9)
    return Arrival(at_ns, at_ns + int(deadline_ms * MS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for engine, (_, deadline_ms) in ENGINES.items():
        print(f"\n{engine}; deadline {deadline_ms} ms, batches up to {MAX_BATCH}\n")
        print("| arrivals | " + " | ".join(POLICIES) + " |\n|" + " --- |" * (len(POLICIES) + 1))
        for pattern in PATTERNS:
            outcomes = compare(engine, pattern, arguments.seconds, arguments.seed)
            print(f"| {pattern} | " + " | ".join(map(_cell, outcomes.values())) + " |", flush=True)
    print(
        "\nEach cell: lost (late or skipped); mean / p99 in ms from arrival to answer; share of time the engine works"
    )


def _cell(outcome: Outcome) -> str:
    took_ms = np.asarray(outcome.took_ns) / MS
    return f"{outcome.lost:.1%}; {took_ms.mean():.1f} / {np.percentile(took_ms, 99):.1f}; {outcome.busy:.0%}"


if __name__ == "__main__":
    main()
