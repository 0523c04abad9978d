"""What a signal means to `train`: end early with a model, or stop at once and go on another time."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

STOPPED_BY_SIGTERM = 128 + signal.SIGTERM


@dataclass(frozen=True)
class Signals:
    """`cancelled`: write the best model so far. `paused`: write the checkpoint and nothing else."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    paused: threading.Event = field(default_factory=threading.Event)


@contextmanager
def training_signals(*, with_checkpoint: bool, in_team: bool) -> Iterator[Signals]:
    """The first Ctrl-C cancels, a second one gives up at once. SIGTERM pauses, where there is a checkpoint.

    In a team of processes Ctrl-C pauses as well, because torchrun kills them 30 s later.
    """
    signals = Signals()

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        signals.cancelled.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("Stopping: the best model so far is being written. Ctrl-C again to give up.", file=sys.stderr)

    def on_terminate(number: int, frame: FrameType | None) -> None:
        signals.paused.set()

    handlers = {signal.SIGINT: on_terminate if in_team and with_checkpoint else on_interrupt}
    if with_checkpoint:
        handlers[signal.SIGTERM] = on_terminate
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
