"""Fault after fault, in random order, each from a line that has recovered from the one before."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from line_inspector.chaos.catalogue import CATALOGUE
from line_inspector.chaos.fault import NotPossible
from line_inspector.chaos.judge import Blow
from line_inspector.chaos.victim import Victim
from line_inspector.chaos.witness import Witness
from line_inspector.config import NS_PER_MS, NS_PER_S
from line_inspector.stop_flag import StopFlag

LONGEST_PAUSE_S = 0.5  # by chance, so that a fault meets the parts at any point of their way
PATIENCE_S = 30.0
PATIENCE_PARTS = 10  # besides: on a slow belt, the first one may well be rejected for what it is
LOOK_EVERY_S = 0.2
WORKER_READY_S = 10.0  # a worker has loaded torch and model by then, and can take over again
START_PATIENCE_S = 180.0


class Campaign:
    """Hurts the victim. The world must be running; its end is a fault of the test itself and raises InputError.

    `not_possible` says of faults that could not be done why. The seed fixes the order of the faults.
    """

    def __init__(self, victim: Victim, witness: Witness, stop: StopFlag, seed: int) -> None:
        self.not_possible: dict[str, str] = {}
        self._victim, self._witness, self._stop = victim, witness, stop
        self._order = random.Random(f"{seed} order")
        self._looked_s = 0.0

    def faults(self, names: Sequence[str], minutes: float) -> Iterator[Blow]:
        """Yields each fault when the line has recovered from it, or has not when patience is over; at least one.

        A fault under way when told to stop is undone, and not yielded.
        """
        end_s = time.monotonic() + 60 * minutes
        for name in _rounds(names, self._order):
            if self._stop.is_set or self.not_possible.keys() >= set(names):
                return
            restarts = self._restarts()
            try:
                blow = self._strike(name)
            except NotPossible as e:
                self.not_possible.setdefault(name, str(e))
                continue
            self.not_possible.pop(name, None)
            recovered = self._recover(blow)
            if recovered is None:
                return
            restarted = self._restarts() - restarts
            yield replace(blow, until_ns=time.monotonic_ns(), restarts=restarted, recovered=recovered)
            if time.monotonic() > end_s:
                return

    def wait_for_service(self) -> bool:
        """Until a part has been accepted; False when told to stop, or when that takes too long."""
        return self._tend_until_serving(0, START_PATIENCE_S + self._parts_s)

    @property
    def _parts_s(self) -> float:
        """How long PATIENCE_PARTS take to come, and to reach the gate."""
        line = self._victim.line
        assert line.simulation
        steady_s = PATIENCE_PARTS / line.simulation.rate_hz + max(map(line.travel_ns, line.cameras)) / NS_PER_S
        if line.simulation.speed_change_s is None:
            return steady_s
        return steady_s / line.simulation.least_speed + 4 * line.simulation.speed_change_s  # a slow belt, and stops

    def _strike(self, name: str) -> Blow:
        victim, row = self._victim, CATALOGUE[name]
        self._tend_s(victim.rng.uniform(0, LONGEST_PAUSE_S))
        fault = row.build(victim)
        injected_ns = time.monotonic_ns()
        detail = fault.inject()
        done_ns = healed_ns = time.monotonic_ns()
        try:
            if row.course.longest_s:
                self._tend_s(victim.rng.uniform(row.course.shortest_s, row.course.longest_s))
        finally:
            if row.course.longest_s:
                healed_ns = time.monotonic_ns()
            fault.heal()
        timeout_ns = int(victim.line.decision.gate.heartbeat_timeout_ms * NS_PER_MS)
        deaf_from_ns = done_ns + timeout_ns if row.course.silences_gate else None
        return Blow(name, detail, injected_ns, healed_ns, deaf_from_ns=deaf_from_ns)

    def _recover(self, blow: Blow) -> bool | None:
        """Whether the line served again in good time, all its stations alive; None when told to stop."""
        recovered = self._tend_until_serving(blow.healed_ns, PATIENCE_S + self._parts_s)
        return None if self._stop.is_set else recovered

    def _tend_until_serving(self, since_ns: int, patience_s: float) -> bool:
        return self._victim.supervisor.tend_until(lambda: self._serves(since_ns), patience_s, self._stop)

    def _serves(self, since_ns: int) -> bool:
        self._require_world()
        if time.monotonic() - self._looked_s < LOOK_EVERY_S:
            return False
        self._looked_s = time.monotonic()
        self._witness.look()
        return self._witness.accepted_since(since_ns) and self._complete(since_ns)

    def _complete(self, since_ns: int) -> bool:
        """Whether every station has given a sign of life since, and every worker has had the time to load its model."""
        supervisor, now_s = self._victim.supervisor, time.monotonic()
        for item in supervisor.processes:
            seen = supervisor.alive.get(item.name)
            if "#" not in item.name and (seen is None or seen.sent_ns <= since_ns):
                return False
            if item.kind in ("inference", "worker") and not (item.running and now_s - item.started_s > WORKER_READY_S):
                return False
        return True

    def _tend_s(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        self._victim.supervisor.tend_until(lambda: time.monotonic() > end_s, seconds + 1, self._stop)

    def _restarts(self) -> int:
        return sum(item.restarts for item in self._victim.supervisor.processes)

    def _require_world(self) -> None:
        for world in self._victim.world_processes:
            if not world.running:
                assert world.process
                raise self._victim.supervisor.failure(world, world.process.returncode)


def _rounds(names: Sequence[str], rng: random.Random) -> Iterator[str]:
    """Every name once, in a new order each time round, without end."""
    while True:
        yield from rng.sample(list(names), len(names))
