"""The learning rate over the course of a training."""

import math

from line_inspector.training.options import TrainingOptions

DROPS_AT = (0.8, 0.9)  # the paper's 240 and 270 of 300 epochs
DROP = 0.2
LEAST_FACTOR = 1e-3


def learning_rate(options: TrainingOptions, share: float) -> float:
    """The learning rate when `share` of the budget, 0..1, is used.

    "one-cycle": up in a line during the warm-up, then down along a cosine to nothing at the end of the budget.
    "steps": constant, and a fifth of what it was after 80 % and again after 90 %.
    """
    if options.schedule == "steps":
        return options.learning_rate * DROP ** sum(share >= at for at in DROPS_AT)
    if share < options.warm_up:
        factor = (share + 0.01) / (options.warm_up + 0.01)
    else:
        factor = 0.5 * (1.0 + math.cos(math.pi * (share - options.warm_up) / (1.0 - options.warm_up)))
    return options.learning_rate * max(factor, LEAST_FACTOR)
