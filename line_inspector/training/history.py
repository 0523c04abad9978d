"""What a training has been through: loss and learning rate on the way, and every look at the forged images."""

from typing import NamedTuple

import msgspec

from line_inspector.training.selection import Mark

MOST_POINTS = 600


class Point(NamedTuple):
    """Averages over a few steps; `step` is the last of them."""

    step: int
    loss: float
    learning_rate: float


class Look(NamedTuple):
    """One look at the forged images of the choice set."""

    step: int
    mark: Mark


class History(msgspec.Struct):
    """At most MOST_POINTS points, however long the training: the steps that one point stands for double as it grows."""

    points: list[Point] = []
    looks: list[Look] = []
    steps_per_point: int = 1
    open_steps: list[Point] = []  # not yet enough for a point

    def record(self, step: int, loss: float, learning_rate: float) -> None:
        """Add one step."""
        self.open_steps.append(Point(step, loss, learning_rate))
        if len(self.open_steps) >= self.steps_per_point:
            self.points.append(_merged(self.open_steps))
            self.open_steps = []
        if len(self.points) == MOST_POINTS:
            self.points = [_merged(self.points[i : i + 2]) for i in range(0, MOST_POINTS, 2)]
            self.steps_per_point *= 2


def _merged(points: list[Point]) -> Point:
    count = len(points)
    return Point(points[-1].step, sum(p.loss for p in points) / count, sum(p.learning_rate for p in points) / count)
