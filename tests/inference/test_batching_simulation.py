"""The line's batching policy against fixed batches and fixed waits, on simulated arrivals."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

from batching import ENGINES, MAX_BATCH, PATTERNS, Arrival, capacity_hz, compare, simulate
from batching_policies import POLICIES, by_deadline, fixed_batch, fixed_wait

SECONDS = 3.0
OWN = "by deadline"


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("engine", ENGINES)
def test_no_other_policy_loses_noticeably_fewer_parts(engine: str, pattern: str) -> None:
    outcomes = compare(engine, pattern, SECONDS, seed=1)
    assert outcomes[OWN].lost <= min(outcome.lost for outcome in outcomes.values()) + 0.01


@pytest.mark.parametrize("pattern", [name for name in PATTERNS if "slow" not in name])
@pytest.mark.parametrize("engine", ENGINES)
def test_it_answers_nothing_late_where_the_estimate_is_right(engine: str, pattern: str) -> None:
    assert compare(engine, pattern, SECONDS, seed=2)[OWN].late == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_an_overloaded_worker_loses_only_what_nobody_could_answer(engine: str) -> None:
    load = float(next(name for name in PATTERNS if name.startswith("overload")).rpartition(" ")[2])
    outcomes = compare(engine, f"overload, load {load:g}", 3 * SECONDS, seed=3)
    assert outcomes[OWN].lost < 1 - 1 / load + 0.05


@pytest.mark.parametrize("pattern", ["regular, load 0.3", "Poisson, load 0.5", "8 cameras together, load 0.5"])
@pytest.mark.parametrize("engine", ENGINES)
def test_who_loses_no_part_either_answers_no_sooner_on_average(engine: str, pattern: str) -> None:
    outcomes = compare(engine, pattern, SECONDS, seed=4)
    means = {name: np.mean(outcome.took_ns) for name, outcome in outcomes.items() if outcome.lost == 0}
    assert means[OWN] <= 1.02 * min(means.values())


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_the_simulation_counts_every_frame_once(policy) -> None:  # type: ignore[no-untyped-def]
    arrivals = [Arrival(at_ns=n * 1_000, deadline_ns=n * 1_000 + 5_000) for n in range(100)]
    outcome = simulate(arrivals, policy, lambda n: 900 + 300 * n, 8)
    assert outcome.skipped + len(outcome.took_ns) == outcome.frames == 100
    assert 0 <= outcome.busy <= 1


def test_examples_in_round_numbers() -> None:
    """Three frames at 0, 1 and 2 ms, 10 ms for any batch: one at once and the others after it, or all after a wait."""
    arrivals = [Arrival(n * 1_000_000, 100_000_000) for n in range(3)]
    took = {
        name: simulate(arrivals, policy, lambda _n: 10_000_000, 8).took_ns
        for name, policy in {"own": by_deadline, "wait": fixed_wait(2_000_000), "batch": fixed_batch(3)}.items()
    }
    assert took["own"] == (10_000_000, 19_000_000, 18_000_000)
    assert took["wait"] == took["batch"] == (12_000_000, 11_000_000, 10_000_000)


def test_the_capacity_is_that_of_the_quickest_batch_size() -> None:
    assert capacity_hz(lambda n: 1_000_000 * (n + 1), MAX_BATCH) == pytest.approx(1000 * MAX_BATCH / (MAX_BATCH + 1))
