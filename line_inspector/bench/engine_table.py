"""The bare engine, batch size by batch size: latency, images per second, and where the time goes."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from line_inspector.bench.timing import Budget, spread
from line_inspector.errors import InputError
from line_inspector.images import Frame
from line_inspector.inference.engine import Engine, FrameFault, Stages

BATCH_SIZES = (1, 2, 4, 8, 16, 32)
FEWEST, MOST = 5, 400  # batches of each size
CopyIn = Callable[[int], int]  # what copying the pixels of so many frames to the device takes, ns


@dataclass(frozen=True)
class BatchSpeed:
    """A batch of `batch` frames. Stages are medians; `copy_ms` is None where the device reads frames where they lie."""

    batch: int
    batches: int
    median_ms: float
    p99_ms: float
    images_per_s: float
    copy_ms: float | None
    preprocess_ms: float
    forward_ms: float
    post_ms: float


def measure_engine(engine: Engine, frames: Sequence[Frame], copy_in: CopyIn | None, seconds: float) -> list[BatchSpeed]:
    """Every size in turn, the small ones on any machine, the larger ones as far as the time goes.

    `frames` are what the line's camera gives. Raises InputError for frames that the engine refuses.
    """
    budget = Budget(seconds)
    rows: list[BatchSpeed] = []
    for number, size in enumerate(BATCH_SIZES):
        share_s = budget.left_s / (len(BATCH_SIZES) - number)
        if rows and FEWEST * 2 * rows[-1].median_ms / 1e3 > max(share_s, seconds / 4):
            break
        rows.append(_measure(engine, _batch(frames, size), copy_in, share_s))
    return rows


def rate_at(engine: Engine, frames: Sequence[Frame], sizes: Mapping[int, int], seconds: float) -> float:
    """Images per second of the bare engine when it gets batches of these sizes, each as often as its count says."""
    medians_ns = {}
    for size, count in sizes.items():
        batch, budget = _batch(frames, size), Budget(seconds * count * size / _images(sizes))
        _infer(engine, batch)
        times_ns = [_infer(engine, batch) for _ in range(FEWEST)]
        while budget.left_s > 0:
            times_ns.append(_infer(engine, batch))
        medians_ns[size] = float(np.mean(times_ns))
    return _images(sizes) / (sum(count * medians_ns[size] for size, count in sizes.items()) / 1e9)


def most_images_per_s(rows: Sequence[BatchSpeed], max_batch: int) -> float:
    """At the best of the sizes that the line may use."""
    return max(row.images_per_s for row in rows if row.batch <= max_batch)


def _measure(engine: Engine, batch: list[Frame], copy_in: CopyIn | None, seconds: float) -> BatchSpeed:
    _infer(engine, batch)
    budget = Budget(seconds)
    times_ns: list[int] = []
    stages: list[Stages] = []
    while len(times_ns) < FEWEST or (budget.left_s > 0 and len(times_ns) < MOST):
        times_ns.append(_infer(engine, batch))
        stages.append(engine.last_stages)
    told = spread(times_ns)
    copy_ms = copy_in(len(batch)) / 1e6 if copy_in else None
    return BatchSpeed(
        batch=len(batch),
        batches=told.count,
        median_ms=told.p50_ms,
        p99_ms=told.p99_ms,
        images_per_s=len(batch) * 1e3 / told.p50_ms,
        copy_ms=copy_ms,
        preprocess_ms=_median_ms(stages, "preprocess_ns"),
        forward_ms=_median_ms(stages, "forward_ns") - (copy_ms or 0.0),
        post_ms=_median_ms(stages, "post_ns"),
    )


def _infer(engine: Engine, batch: list[Frame]) -> int:
    began_ns = time.perf_counter_ns()
    findings = engine.infer(batch)
    took_ns = time.perf_counter_ns() - began_ns
    refused = [found for found in findings if isinstance(found, FrameFault)]
    if refused:
        raise InputError(f"the model refuses a frame: {refused[0].detail}", "engine", "Train it again")
    return took_ns


def _batch(frames: Sequence[Frame], size: int) -> list[Frame]:
    return [frames[n % len(frames)] for n in range(size)]


def _images(sizes: Mapping[int, int]) -> int:
    return sum(size * count for size, count in Counter(sizes).items())


def _median_ms(stages: Sequence[Stages], field: str) -> float:
    return float(median(getattr(stage, field) for stage in stages)) / 1e6
