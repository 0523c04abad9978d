"""Fit ADPS to good images: forge, learn, look at forged held-out images now and then, keep the best."""

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import torch
from torch import Tensor

from line_inspector.errors import InputError
from line_inspector.model.adps import ADPS, Windows
from line_inspector.model.forging import Forger
from line_inspector.model.losses import distillation_loss, focal_loss
from line_inspector.training.budget import Budget
from line_inspector.training.good_frames import GoodFrames
from line_inspector.training.options import TrainingOptions
from line_inspector.training.precision import depthwise_in_float32, use_bfloat16
from line_inspector.training.progress import Progress
from line_inspector.training.samples import Batch, Sampler
from line_inspector.training.selection import Mark, forged_choice_set, mark
from line_inspector.training.splits import Split
from line_inspector.training.windows import draw_windows


@dataclass(frozen=True)
class Fitted:
    """The best model of a training, in eval mode on its device, and how it was come by."""

    model: ADPS
    mark: Mark
    steps: int
    best_step: int
    stopped_early: bool


class BestSoFar:
    """The state of the model at its best mark."""

    def __init__(self) -> None:
        self.mark: Mark | None = None
        self.step = 0
        self._state: dict[str, Tensor] = {}

    def look(self, model: ADPS, choice_set: Batch, step: int) -> Mark:
        """Judge the model and keep its state if it is the best, or as good as the best and later."""
        seen = mark(model, choice_set)
        if self.mark is None or seen.value >= self.mark.value:
            self.mark, self.step = seen, step
            self._state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        return seen

    def restore(self, model: ADPS) -> Mark:
        """Put the best state back."""
        assert self.mark is not None
        model.load_state_dict(self._state)
        return self.mark


def fit(
    model: ADPS,
    good: GoodFrames,
    split: Split,
    forger: Forger,
    options: TrainingOptions,
    budget: Budget,
    on_progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> Fitted:
    """Train until the budget is used or `cancelled()` says so, then put back the state that did best on forged images.

    Raises InputError when the loss stops being a number, or the budget holds no step.
    """
    choice_set = forged_choice_set(good.pixels[split.choice], forger, options.seed)
    best = BestSoFar()
    optimizer = torch.optim.Adam(p for p in model.parameters() if p.requires_grad)
    sampler = Sampler(good.pixels[split.train], forger, options.batch_size, options.seed)
    smoothed, step, looks, last_mark = 0.0, 0, 0, None
    budget.begin_steps()
    with closing(sampler.ahead()) as batches, depthwise_in_float32(model.student):
        while (share := budget.share_used(step)) < 1.0 and not cancelled():
            set_learning_rate(optimizer, options, share)
            batch = next(batches)
            loss = train_step(model, optimizer, batch, draw_windows(batch.masks, options, step), options)
            step += 1
            smoothed = loss if step == 1 else 0.95 * smoothed + 0.05 * loss
            share = min(1.0, budget.share_used(step))
            if math.floor(share * options.checks) > looks and share < 1.0:
                looks = math.floor(share * options.checks)
                last_mark = best.look(model, choice_set, step)
            on_progress(Progress(step, share, smoothed, budget.seconds_left(step), last_mark))
    if step == 0 and not cancelled():
        raise InputError("the time was over before the first step", "training", "Give it more minutes.")
    best.look(model, choice_set, step)
    return Fitted(model.eval(), best.restore(model), step, best.step, cancelled())


def train_step(
    model: ADPS, optimizer: torch.optim.Optimizer, batch: Batch, windows: Windows | None, options: TrainingOptions
) -> float:
    """One step of gradient descent on one batch; returns the loss. Raises InputError when that is no number."""
    model.train()
    if options.freeze_student_norm:
        model.student.eval()
    device = model.mean.device
    images = model.normalise(batch.images.to(device, non_blocking=True))
    masks = batch.masks.to(device, non_blocking=True)
    with torch.autocast(device.type, torch.bfloat16, enabled=use_bfloat16(options.precision, device)):
        output = model(images, windows)
    if windows is not None:
        masks = windows.crop(masks, masks.shape[-1])
    loss = distillation_loss(output.teacher, output.student, masks)
    loss = loss + options.segmentation_weight * focal_loss(output.logits, masks, options.focal_gamma)
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()
    value = loss.item()
    if not math.isfinite(value):
        raise InputError("the loss is no longer a number", "training", "Use a lower --learning-rate.")
    return value


def set_learning_rate(optimizer: torch.optim.Optimizer, options: TrainingOptions, share: float) -> None:
    """One cycle: up in a line during the warm-up, then down along a cosine to nothing at the end of the budget."""
    if share < options.warm_up:
        factor = (share + 0.01) / (options.warm_up + 0.01)
    else:
        factor = 0.5 * (1.0 + math.cos(math.pi * (share - options.warm_up) / (1.0 - options.warm_up)))
    for group in optimizer.param_groups:
        group["lr"] = options.learning_rate * max(factor, 1e-3)
