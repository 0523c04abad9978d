"""How long a training may go on: so many steps or epochs, or so many minutes from start to finished model."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Budget:
    """One of `steps`, `epochs`, and `seconds`, which count from `started_s` and include what comes before and after the
    steps. Epochs become steps when the number of images is known: `count_steps`.

    `reserve_s` is kept back for what follows the last step (choice, calibration, writing); whoever measures it sets it.
    """

    steps: int | None = None
    epochs: int | None = None
    seconds: float | None = None
    reserve_s: float = 0.0
    clock: Callable[[], float] = time.monotonic
    started_s: float = field(init=False)
    first_step_s: float = field(init=False)

    def __post_init__(self) -> None:
        if [self.steps, self.epochs, self.seconds].count(None) != 2:
            raise ValueError("give either steps, epochs or seconds")
        if any(count is not None and not 0 < count < math.inf for count in (self.steps, self.epochs, self.seconds)):
            raise ValueError(f"no budget: {self.steps} steps, {self.epochs} epochs, {self.seconds} seconds")
        self.started_s = self.first_step_s = self.clock()

    def count_steps(self, images: int, batch_size: int) -> None:
        """So many images are trained on: every one comes `epochs` times."""
        if self.epochs is not None:
            self.steps = math.ceil(self.epochs * images / batch_size)

    def begin_steps(self) -> None:
        """The preparations are over: the share of the budget that is used counts from here."""
        self.first_step_s = self.clock()

    def resume(self, seconds_used: float, seconds_prepared: float) -> None:
        """So much was used before, `seconds_prepared` of it before the first step: what is left goes on from here."""
        self.started_s -= seconds_used
        self.first_step_s = self.started_s + seconds_prepared

    def share_used(self, steps_done: int) -> float:
        """0 at the first step, 1 or more when it is time to stop."""
        if self.steps is not None:
            return steps_done / self.steps
        assert self.seconds is not None
        available_s = self.started_s + self.seconds - self.reserve_s - self.first_step_s
        return (self.clock() - self.first_step_s) / available_s if available_s > 0 else 1.0

    def seconds_used(self) -> float:
        """Time since the start."""
        return self.clock() - self.started_s

    @property
    def seconds_prepared(self) -> float:
        """Time from the start to the first step."""
        return self.first_step_s - self.started_s

    def seconds_left(self, steps_done: int) -> float | None:
        """Estimated time to the end of the steps; None where nothing is known yet."""
        used = self.share_used(steps_done)
        if used <= 0:
            return None
        return max(0.0, (self.clock() - self.first_step_s) * (1.0 - used) / used)
