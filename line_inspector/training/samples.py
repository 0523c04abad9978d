"""The stream of training images: a pure function of the seed and the place in it, forged a step or two ahead."""

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from line_inspector.model.forging import Forger
from line_inspector.model.novelty import NO_IMAGE
from line_inspector.model.perlin import Mask
from line_inspector.training.tiles import Images, everywhere, frame_of


class Batch(NamedTuple):
    """images uint8 RGB (B, 3, S, S); masks float (B, 1, S, S), 1 where forged; sources (B,): which frame each shows."""

    images: Tensor
    masks: Tensor
    sources: Tensor


@dataclass(frozen=True)
class Sampler:
    """Draws batches from good images, uint8 (S, S, 3) each: every image once per epoch, in a seeded order.

    `part` is this process's part of every batch, where several train together. `within` says by an image's index
    where on it something may be forged.
    """

    pixels: Images
    forger: Forger
    batch_size: int
    seed: int
    part: slice = field(default_factory=lambda: slice(None))
    within: Callable[[int], Mask | None] = everywhere

    def places(self, step: int) -> range:
        """Places in the stream of training images that this step's batch takes."""
        return range(step * self.batch_size, (step + 1) * self.batch_size)[self.part]

    def batch(self, step: int) -> Batch:
        """The batch of this step, always the same; each image has its own dice, so that a part equals the whole's."""
        drawn = [self._draw(place) for place in self.places(step)]
        sources = [frame_of(self.pixels, self._index(place)) for place in self.places(step)]
        return to_batch([image for image, _ in drawn], [mask for _, mask in drawn], sources)

    def ahead(self, step: int = 0) -> Generator[Batch]:
        """Batches from this step on for ever, the next ones forged by another thread while one is learned from."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="forge") as forge:
            waiting: list[Future[Batch]] = [forge.submit(self.batch, step + ahead) for ahead in (0, 1)]
            step += 2
            while True:
                waiting.append(forge.submit(self.batch, step))
                yield waiting.pop(0).result()
                step += 1

    def _draw(self, place: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        index = self._index(place)
        return self.forger.sample(np.random.default_rng([self.seed, place]), self.pixels[index], self.within(index))

    def _index(self, place: int) -> int:
        """Which image comes at this place in the stream."""
        epoch, turn = divmod(place, len(self.pixels))
        return int(self._order(epoch)[turn])

    def _order(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self.seed, epoch, 1]).permutation(len(self.pixels))


def to_batch(
    images: list[NDArray[np.uint8]], masks: list[NDArray[np.bool_]], sources: list[int] | None = None
) -> Batch:
    """Images (S, S, 3) and masks (S, S) -> tensors; the images' memory is channels last, as convolutions like it.

    `sources`: which frames of the training set they show; None where they are not of it.
    """
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    numbers = torch.tensor([NO_IMAGE] * len(images) if sources is None else sources)
    return Batch(stacked, torch.from_numpy(np.stack(masks)[:, None]).float(), numbers)
