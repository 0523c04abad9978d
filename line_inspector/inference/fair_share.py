"""Several models on one device: whose frames are next, and how many of them."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from line_inspector.inference.batching import Choice, choose_batch

Model = TypeVar("Model", bound=Hashable)


def choose_model_and_batch(
    deadlines_ns: Mapping[Model, Sequence[int]],
    now_ns: int,
    latency_ns: Callable[[Model, int], int],
    max_batch_size: Callable[[Model], int],
) -> tuple[Model, Choice]:
    """The model whose earliest frame is due first, and what choose_batch makes of its queue, with regard to the others.

    A batch is no larger than leaves the earliest frame of every other model in time, if a batch of one leaves it so:
    what could not be in time anyhow holds nobody up. So a model with many frames cannot starve one with few, and nobody
    waits while there is nothing urgent. Every queue must have a frame; the numbers in the Choice are of that model's.
    """
    model = min(deadlines_ns, key=lambda each: min(deadlines_ns[each]))
    waiting = [min(deadlines_ns[other]) - now_ns - latency_ns(other, 1) for other in deadlines_ns if other != model]
    urgent = [slack_ns for slack_ns in waiting if slack_ns >= latency_ns(model, 1)]
    most = max_batch_size(model)
    while most > 1 and any(latency_ns(model, most) > slack_ns for slack_ns in urgent):
        most -= 1
    return model, choose_batch(deadlines_ns[model], now_ns, lambda size: latency_ns(model, size), most)
