"""Processes that train one model together, started by torchrun; a process on its own is a team of one.

Each process learns from its part of every batch, then all take the average of their gradients, so that all hold the
same weights. The leader, process 0, alone looks, decides, calibrates and writes, and tells the others what it decided.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from line_inspector.errors import InputError

PATIENCE = timedelta(hours=12)  # the others wait as long as the leader looks, calibrates and writes


@dataclass(frozen=True)
class Team:
    """This process's number in its team, from 0, and how many there are."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process decides and writes."""
        return self.rank == 0

    def part(self, batch_size: int) -> slice:
        """This process's part of a batch. Raises InputError where the batch cannot be shared out evenly."""
        if batch_size % self.size:
            what = f"{batch_size} images cannot be shared out evenly among {self.size} processes"
            raise InputError(what, "batch size", f"Use a multiple of {self.size}.")
        share = batch_size // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Give each tensor, on the model's device, the average of what it is in every process."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view(tensor.shape))

    def take_from_leader(self, tensors: Iterable[Tensor]) -> None:
        """Give each tensor what it is in the leader: two GPUs need not build a model alike to the last bit."""
        if self.size == 1:
            return
        for tensor in tensors:
            told = tensor.detach().contiguous()
            dist.broadcast(told, src=0)
            tensor.detach().copy_(told)

    def as_leader(self, number: float) -> float:
        """The leader's number, in every process."""
        if self.size == 1:
            return number
        told = torch.tensor(number, dtype=torch.float64)
        dist.broadcast(told, src=0)
        return float(told)

    def bytes_of_leader(self, content: bytes) -> bytes:
        """The leader's bytes, in every process; what the others give does not matter."""
        if self.size == 1:
            return content
        told = torch.from_numpy(np.frombuffer(content, np.uint8).copy())
        length = int(self.as_leader(len(content)))
        if not self.leads:
            told = torch.empty(length, dtype=torch.uint8)
        dist.broadcast(told, src=0)
        return told.numpy().tobytes()


ALONE = Team()


def will_lead() -> bool:
    """Whether this process will be the leader; known before it joins a team."""
    return not dist.is_torchelastic_launched() or int(os.environ["RANK"]) == 0


@contextmanager
def joined_team(device: str) -> Iterator[Team]:
    """The team that torchrun has started, or ALONE without torchrun; on CUDA, each process takes its own GPU.

    `device` as the option of the same name. Raises InputError where there are fewer GPUs than processes.
    """
    if not dist.is_torchelastic_launched() or int(os.environ["WORLD_SIZE"]) == 1:
        yield ALONE
        return
    on_cuda = device != "cpu" and torch.cuda.is_available()
    if on_cuda:
        _take_gpu(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_cuda else "gloo", timeout=PATIENCE)
    try:
        yield Team(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def _take_gpu(number: int) -> None:
    if number >= torch.cuda.device_count():
        what = f"{torch.cuda.device_count()} GPUs, and a process for number {number}"
        raise InputError(what, "torchrun", "Start no more processes than there are GPUs.")
    torch.cuda.set_device(number)
