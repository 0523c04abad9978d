"""The stream of training batches: a pure function of the seed and the step's number, forged one step ahead."""

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from line_inspector.model.forging import Forger


class Batch(NamedTuple):
    """images uint8 RGB (B, 3, S, S); masks float (B, 1, S, S), 1 where forged."""

    images: Tensor
    masks: Tensor


@dataclass(frozen=True)
class Sampler:
    """Draws batches from good images, uint8 (N, S, S, 3): every image once per epoch, in a seeded order."""

    pixels: NDArray[np.uint8]
    forger: Forger
    batch_size: int
    seed: int

    def batch(self, step: int) -> Batch:
        """The batch of this step, always the same."""
        rng = np.random.default_rng([self.seed, step])
        drawn = [self.forger.sample(rng, self.pixels[index]) for index in self._indices(step)]
        return to_batch([image for image, _ in drawn], [mask for _, mask in drawn])

    def ahead(self) -> Generator[Batch]:
        """Batches 0, 1, 2 ... for ever, the next ones forged by another thread while one is learned from."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="forge") as forge:
            waiting: list[Future[Batch]] = [forge.submit(self.batch, step) for step in (0, 1)]
            step = 2
            while True:
                waiting.append(forge.submit(self.batch, step))
                yield waiting.pop(0).result()
                step += 1

    def _indices(self, step: int) -> list[int]:
        count = len(self.pixels)
        places = range(step * self.batch_size, (step + 1) * self.batch_size)
        orders = {place // count: None for place in places}
        shuffled = {epoch: np.random.default_rng([self.seed, epoch, 1]).permutation(count) for epoch in orders}
        return [int(shuffled[place // count][place % count]) for place in places]


def to_batch(images: list[NDArray[np.uint8]], masks: list[NDArray[np.bool_]]) -> Batch:
    """Images (S, S, 3) and masks (S, S) -> tensors; the images' memory is channels last, as convolutions like it."""
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return Batch(stacked, torch.from_numpy(np.stack(masks)[:, None]).float())
