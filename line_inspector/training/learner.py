"""A model in training: one step of gradient descent at a time, and all that a checkpoint has to hold of it."""

import math

import msgspec
import torch
from torch import Tensor, nn

from line_inspector.errors import InputError
from line_inspector.model.adps import ADPS, Windows
from line_inspector.model.losses import distillation_loss, focal_loss
from line_inspector.training.history import History, Look
from line_inspector.training.options import TrainingOptions
from line_inspector.training.precision import autocast_type
from line_inspector.training.samples import Batch
from line_inspector.training.selection import BestSoFar, Mark
from line_inspector.training.team import ALONE, Team


class Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything of a learner but its tensors, for JSON."""

    step: int
    smoothed_loss: float
    looks_due: int
    best_mark: Mark | None
    best_step: int
    looks_in_vain: int
    history: History
    scaler: dict[str, float | int]


class Learner:
    """Trains `model`, on its device, as `options` say, together with the other processes of `team`.

    `step` counts steps done, `smoothed_loss` is their average with more weight on the last, `best` the state that did
    best so far, `looks_due` how many looks the budget's share has asked for, `history` what happened.
    """

    def __init__(self, model: ADPS, options: TrainingOptions, team: Team = ALONE) -> None:
        self.model, self.options, self.team = model, options, team
        device = model.mean.device
        self.step, self.smoothed_loss, self.looks_due = 0, 0.0, 0
        self.best, self.history = BestSoFar(), History()
        self._learning = {name: weights for name, weights in model.named_parameters() if weights.requires_grad}
        self._optimizer = torch.optim.Adam(self._learning.values())
        self._autocast_type = autocast_type(options.precision, device)
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._autocast_type is torch.float16)

    def learn(self, batch: Batch, windows: Windows | None, learning_rate: float) -> float:
        """One step on this process's part of a batch; returns the loss of the whole.

        Raises InputError when that is no number.
        """
        torch.manual_seed(self._dice())
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self.model.train()
        if self.options.freeze_student_norm:
            self.model.student.eval()
        loss = self._loss(batch, windows)
        self._optimizer.zero_grad()
        torch.autograd.backward(self._scaler.scale(loss))
        loss = loss.detach()
        self._average_with_team(loss)
        value = float(loss)
        if not math.isfinite(value):
            raise InputError("the loss is no longer a number", "training", "Use a lower --learning-rate.")
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self.step += 1
        self.smoothed_loss = value if self.step == 1 else 0.95 * self.smoothed_loss + 0.05 * value
        self.history.record(self.step, value, learning_rate)
        return value

    def look(self, choice_set: Batch) -> Mark:
        """Judge the model on the choice set, and remember its state if it is the best."""
        seen = self.best.look(self.model, choice_set, self.step)
        self.history.looks.append(Look(self.step, seen))
        return seen

    def standing(self) -> Standing:
        """What a checkpoint holds besides `tensors`."""
        return Standing(
            step=self.step,
            smoothed_loss=self.smoothed_loss,
            looks_due=self.looks_due,
            best_mark=self.best.mark,
            best_step=self.best.step,
            looks_in_vain=self.best.looks_in_vain,
            history=self.history,
            scaler=self._scaler.state_dict(),
        )

    def tensors(self) -> dict[str, Tensor]:
        """The state of the model and what its novelty was taken from, its best state, and Adam's averages."""
        adam = {
            f"adam.{name}.{key}": value
            for name, weights in self._learning.items()
            for key, value in self._optimizer.state.get(weights, {}).items()
        }
        sources = {str(scale): numbers for scale, numbers in enumerate(self.model.novelty_sources())}
        states = {"model": self.model.state_dict(), "best": self.best.state, "sources": sources}
        return adam | {f"{kind}.{name}": value for kind, state in states.items() for name, value in state.items()}

    def take_up(self, standing: Standing, tensors: dict[str, Tensor]) -> None:
        """Go on from where another learner of the same model and options stood, as if nothing had been between.

        Raises RuntimeError or KeyError for tensors that do not belong to this model.
        """
        self.model.load_state_dict(_below("model.", tensors))
        for scale, numbers in enumerate(self.model.novelty_sources()):
            numbers.copy_(tensors[f"sources.{scale}"])
        for name, weights in self._learning.items():
            kept = _below(f"adam.{name}.", tensors)
            if kept:  # in the memory layout of the weights: the order of additions follows it
                averages = {key: torch.empty_like(weights).copy_(kept[key]) for key in ("exp_avg", "exp_avg_sq")}
                self._optimizer.state[weights] = {"step": kept["step"], **averages}
        self._scaler.load_state_dict(standing.scaler)
        self.step, self.smoothed_loss, self.looks_due = standing.step, standing.smoothed_loss, standing.looks_due
        self.history = standing.history
        self.best.mark, self.best.step = standing.best_mark, standing.best_step
        self.best.looks_in_vain = standing.looks_in_vain
        device = self.model.mean.device
        self.best.state = {name: value.to(device) for name, value in _below("best.", tensors).items()}

    def _dice(self) -> int:
        """Dropout, in backbones that have it, depends on seed, step and process alone."""
        return hash((self.options.seed, self.step, self.team.rank))

    def _loss(self, batch: Batch, windows: Windows | None) -> Tensor:
        device = self.model.mean.device
        images = self.model.normalise(batch.images.to(device, non_blocking=True))
        masks = batch.masks.to(device, non_blocking=True)
        with torch.autocast(device.type, self._autocast_type, enabled=self._autocast_type is not None):
            stopped = self.options.stop_weight_gradient
            output = self.model(images, windows, batch.sources.to(device), stop_weight_gradient=stopped)
        if windows is not None:
            masks = windows.crop(masks, masks.shape[-1])
        reduction, stage_mask = self.options.distillation_reduction, self.options.stage_mask
        distillation = distillation_loss(output.teacher, output.student, masks, reduction, stage_mask)
        if not self.model.architecture.post_segmentation:
            return distillation  # the map is the features' distance: there is nothing else that could learn
        focal = focal_loss(output.logits, masks, self.options.focal_gamma)
        return distillation + self.options.segmentation_weight * focal

    def _average_with_team(self, loss: Tensor) -> None:
        """Loss, gradients, and the statistics of the batch norms that learn: each process has seen its part only."""
        gradients = [weights.grad for weights in self._learning.values() if weights.grad is not None]
        learning = [m for m in self.model.modules() if isinstance(m, nn.BatchNorm2d) and m.training]
        statistics = [kept for norm in learning for kept in (norm.running_mean, norm.running_var) if kept is not None]
        self.team.average([loss, *gradients, *statistics])


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
