"""What a pipelined engine wants of a device: three queues of work that run beside each other, with marks in them."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor


class Mark(Protocol):
    """A place in a lane: all work that was given to it before."""

    def synchronize(self) -> None:
        """Wait, on the host, until all that is done."""
        ...


class Lane(Protocol):
    """Work in its order, not waited for. On a GPU a stream."""

    def run(self, work: Callable[[], None]) -> None:
        """Queue what `work` does to tensors of the device."""
        ...

    def wait(self, mark: Mark) -> None:
        """Whatever follows in this lane starts when the mark, in any lane, is reached. The host does not wait."""
        ...

    def record(self) -> Mark: ...


class Lanes(Protocol):
    """One device. Everything that uses it in this process shares its lanes."""

    @property
    def device(self) -> torch.device: ...

    @property
    def copy_in(self) -> Lane: ...

    @property
    def compute(self) -> Lane: ...

    @property
    def copy_out(self) -> Lane: ...

    def host_bytes(self, count: int) -> Tensor:
        """uint8 (count,) in host memory that the device copies from and to by itself."""
        ...

    def copies_by_itself(self, host: Tensor) -> bool:
        """Whether `host` lies in such memory."""
        ...

    def program(self, work: Callable[[], None]) -> Callable[[], None]:
        """`work`, made ready to be run in the compute lane again and again, always on the same tensors."""
        ...
