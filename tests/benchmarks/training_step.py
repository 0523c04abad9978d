"""What one training step costs, and what each measure against it saves. Run by hand: `python training_step.py`.

CPU time of one thread, which other programs on the machine disturb least; the best of several steps. A row adds its
measure to the row above it.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch

from line_inspector.model.adps import ADPS, Windows
from line_inspector.training.learner import Learner
from line_inspector.training.options import TrainingOptions
from line_inspector.training.precision import depthwise_in_float32
from line_inspector.training.samples import Batch
from line_inspector.training.windows import draw_windows

PLAIN = {"precision": "fp32", "freeze_student_norm": False, "window_share": 1.0}
ROWS = [
    ("PyTorch's defaults, fp32", False, False, PLAIN),
    ("+ channels last", True, False, PLAIN),
    ("+ bf16 autocast", True, False, PLAIN | {"precision": "bf16"}),
    ("+ depthwise convolutions in fp32", True, True, PLAIN | {"precision": "bf16"}),
    ("+ student's batch norm frozen", True, True, PLAIN | {"precision": "bf16", "freeze_student_norm": True}),
    ("+ window of half the side", True, True, {"precision": "bf16"}),
]


def main() -> None:
    """Print one row per measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name, channels_last, fix_depthwise, changes in ROWS:
        options = TrainingOptions(batch_size=arguments.batch_size, **changes)
        step = _build_step(options, channels_last)
        with depthwise_in_float32(step.model.student) if fix_depthwise else nullcontext():
            print(f"{name:36} {_cpu_ms(step, arguments.repeats):6.0f} ms", flush=True)


class _Step:
    """One training step on a random batch, always the same."""

    def __init__(self, options: TrainingOptions, model: ADPS, batch: Batch, windows: Windows | None) -> None:
        self.model, self.batch, self.windows = model, batch, windows
        self.learner = Learner(model, options)

    def __call__(self) -> None:
        self.learner.learn(self.batch, self.windows, learning_rate=1e-5)


def _build_step(options: TrainingOptions, channels_last: bool) -> _Step:
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = ADPS(options.architecture).to(memory_format=layout)
    size_px = options.architecture.image_size_px
    images = torch.randint(0, 256, (options.batch_size, 3, size_px, size_px), dtype=torch.uint8)
    masks = (torch.rand(options.batch_size, 1, size_px, size_px) > 0.9).float()
    batch = Batch(images.contiguous(memory_format=layout), masks, torch.arange(options.batch_size))
    return _Step(options, model, batch, draw_windows(masks, options, 0))


def _cpu_ms(step: Callable[[], None], repeats: int) -> float:
    step()
    times_s = []
    for _ in range(repeats):
        started_s = time.process_time()
        step()
        times_s.append(time.process_time() - started_s)
    return 1e3 * min(times_s)


if __name__ == "__main__":
    main()
