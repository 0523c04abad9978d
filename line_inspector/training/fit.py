"""Fit ADPS to good images: forge, learn, look at forged held-out images now and then, keep the best."""

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from line_inspector.errors import InputError
from line_inspector.training.budget import Budget
from line_inspector.training.history import History
from line_inspector.training.learner import Learner
from line_inspector.training.precision import depthwise_in_float32
from line_inspector.training.progress import Progress
from line_inspector.training.samples import Batch, Sampler
from line_inspector.training.schedule import learning_rate
from line_inspector.training.selection import Mark
from line_inspector.training.windows import draw_windows

Ending = Literal["budget", "patience", "cancelled", "paused"]
ENDINGS: tuple[Ending, ...] = ("budget", "patience", "cancelled", "paused")


class TrainingPausedError(Exception):
    """Told to stop at once; the checkpoint is written, the model is not. `step` steps are done."""

    def __init__(self, step: int) -> None:
        super().__init__(f"paused after {step} steps")
        self.step = step


@dataclass(frozen=True)
class Requests:
    """What may come from outside during a training; asked before and told after every step, in the leader alone.

    `cancelled` ends it with the best model so far, `paused` without one. `save` writes a checkpoint: whenever
    `save_is_due`, and after the last step.
    """

    on_progress: Callable[[Progress], None] = lambda progress: None
    cancelled: Callable[[], bool] = lambda: False
    paused: Callable[[], bool] = lambda: False
    save_is_due: Callable[[], bool] = lambda: False
    save: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Fitted:
    """How the best model of a training was come by; `ended_by` says why there was no further step."""

    mark: Mark
    steps: int
    best_step: int
    ended_by: Ending
    history: History


def fit(learner: Learner, sampler: Sampler, choice_set: Batch, budget: Budget, requests: Requests) -> Fitted | None:
    """Train until the budget or the patience is used up or a request comes; then put the best state back.

    The model is then in eval mode. Only the leader of a team has a best state: None in the other processes. Raises
    TrainingPausedError when told to pause, InputError when the loss stops being a number, or the budget holds no step.
    """
    ended_by = _learn(learner, sampler, choice_set, budget, requests)
    if learner.step == 0 and ended_by == "budget":
        raise InputError("the time was over before the first step", "training", "Give it more minutes.")
    if learner.team.leads:
        requests.save()
    if ended_by == "paused":
        raise TrainingPausedError(learner.step)
    if not learner.team.leads:
        return None
    if not learner.history.looks or learner.history.looks[-1].step != learner.step:
        learner.look(choice_set)
    mark = learner.best.restore(learner.model)
    learner.model.eval()
    return Fitted(mark, learner.step, learner.best.step, ended_by, learner.history)


def _learn(learner: Learner, sampler: Sampler, choice_set: Batch, budget: Budget, requests: Requests) -> Ending:
    options, team = learner.options, learner.team
    with closing(sampler.ahead(learner.step)) as batches, depthwise_in_float32(learner.model.student):
        while (ending := _ending(learner, budget, requests)) is None:
            share = min(1.0, team.as_leader(budget.share_used(learner.step)))
            batch = next(batches)
            windows = draw_windows(batch.masks, options, sampler.places(learner.step).start)
            learner.learn(batch, windows, learning_rate(options, share))
            if team.leads:
                _after_step(learner, choice_set, budget, requests)
    return ending


def _ending(learner: Learner, budget: Budget, requests: Requests) -> Ending | None:
    """Why there is no further step, in every process what the leader says."""
    endings: dict[Ending, Callable[[], bool]] = {
        "budget": lambda: budget.share_used(learner.step) >= 1.0,
        "patience": lambda: learner.best.looks_in_vain >= (learner.options.patience or math.inf),
        "cancelled": requests.cancelled,
        "paused": requests.paused,
    }
    here = next((number for number, ending in enumerate(ENDINGS) if endings[ending]()), -1)
    told = int(learner.team.as_leader(here))
    return None if told < 0 else ENDINGS[told]


def _after_step(learner: Learner, choice_set: Batch, budget: Budget, requests: Requests) -> None:
    share = min(1.0, budget.share_used(learner.step))
    looks = math.floor(share * learner.options.checks)
    if looks > learner.looks_due and share < 1.0:
        learner.looks_due = looks
        learner.look(choice_set)
    mark = learner.history.looks[-1].mark if learner.history.looks else None
    requests.on_progress(Progress(learner.step, share, learner.smoothed_loss, budget.seconds_left(learner.step), mark))
    if requests.save_is_due():
        requests.save()
