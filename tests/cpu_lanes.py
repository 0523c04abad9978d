"""Lanes of a device that is the CPU: at once, or in every order that the marks allow."""

import random
from collections.abc import Callable

import torch


class Done:
    def synchronize(self) -> None:
        pass


class InlineLane:
    """Does everything at once."""

    def run(self, work: Callable[[], None]) -> None:
        work()

    def wait(self, mark: Done) -> None:
        pass

    def record(self) -> Done:
        return Done()


class InlineLanes:
    """`page_locked` is what the device is told of all memory of the host."""

    device = torch.device("cpu")

    def __init__(self, page_locked: bool = True) -> None:
        self.copy_in, self.compute, self.copy_out = InlineLane(), InlineLane(), InlineLane()
        self.page_locked = page_locked
        self.programs = 0

    def host_bytes(self, count: int) -> torch.Tensor:
        return torch.empty(count, dtype=torch.uint8)

    def copies_by_itself(self, host: torch.Tensor) -> bool:
        return self.page_locked

    def program(self, work: Callable[[], None]) -> Callable[[], None]:
        self.programs += 1
        return work


class LateMark:
    def __init__(self, lanes: "LateLanes", lane: "LateLane") -> None:
        self.lanes, self.lane, self.after = lanes, lane, len(lane.queue) + lane.done

    @property
    def is_reached(self) -> bool:
        return self.lane.done >= self.after

    def synchronize(self) -> None:
        while not self.is_reached:
            self.lanes.step()


class LateLane:
    def __init__(self, lanes: "LateLanes") -> None:
        self.lanes = lanes
        self.queue: list[Callable[[], None] | LateMark] = []
        self.done = 0

    def run(self, work: Callable[[], None]) -> None:
        self.queue.append(work)
        self.lanes.go_on()

    def wait(self, mark: LateMark) -> None:
        self.queue.append(mark)
        self.lanes.go_on()

    def record(self) -> LateMark:
        return LateMark(self.lanes, self)

    @property
    def can_go_on(self) -> bool:
        return bool(self.queue) and (not isinstance(self.queue[0], LateMark) or self.queue[0].is_reached)

    def step(self) -> None:
        work = self.queue.pop(0)
        if not isinstance(work, LateMark):
            work()
        self.done += 1


class LateLanes(InlineLanes):
    """A GPU as bad as it may be: of what marks do not put in order, anything may happen first, and late.

    Work is done when somebody waits for it, and some of it by chance before.
    """

    def __init__(self, seed: int, eager: float, page_locked: bool = True) -> None:
        super().__init__(page_locked)
        self._chance, self._eager = random.Random(seed), eager
        self.copy_in, self.compute, self.copy_out = LateLane(self), LateLane(self), LateLane(self)

    def go_on(self) -> None:
        while self._chance.random() < self._eager and self._ready():
            self.step()

    def step(self) -> None:
        ready = self._ready()
        assert ready, "everybody waits for somebody"
        self._chance.choice(ready).step()

    def _ready(self) -> list[LateLane]:
        return [lane for lane in (self.copy_in, self.compute, self.copy_out) if lane.can_go_on]
