"""What a model is made of: good images, each with one job, and what is forged on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from line_inspector.images import Frame
from line_inspector.training.good_frames import GoodFrames
from line_inspector.training.model_building import build_forger
from line_inspector.training.options import TrainingOptions
from line_inspector.training.promise import Promise
from line_inspector.training.samples import Batch, Sampler
from line_inspector.training.selection import forged_choice_set
from line_inspector.training.splits import Split, split_good_images
from line_inspector.training.team import Team
from line_inspector.training.tiles import Tiles

GOLDEN_FRAMES = 4
MOST_HANDED_ON = 200  # calibration frames: four times what 2 % false rejects take; more where the promise takes more


@dataclass(frozen=True)
class Material:
    """`tiles` are those of the frames that are trained on, `sampler` draws from them.

    `handed_on`, uint8 RGB (N, H, W, 3): calibration frames of the parent, by which every later model is calibrated.
    """

    good: GoodFrames
    tiles: Tiles
    split: Split
    promise: Promise
    handed_on: NDArray[np.uint8]
    sampler: Sampler
    choice_set: Batch

    @property
    def held_out(self) -> NDArray[np.uint8]:
        """Good images that calibrate the model, (N, H, W, 3): its promise is of frames, not of tiles."""
        return self.good.pixels[self.split.calibration]

    @property
    def golden_frames(self) -> list[Frame]:
        """A few held-out frames as the camera gave them."""
        return [self.good.frame(index) for index in self.split.calibration[:GOLDEN_FRAMES]]

    @property
    def to_hand_on(self) -> NDArray[np.uint8]:
        """Calibration frames for the models that will descend from this one, (N, H, W, 3)."""
        return self.handed_on if len(self.handed_on) else self.held_out[: most_handed_on(self.good, self.promise)]


def gather_material(
    good: GoodFrames, options: TrainingOptions, promise: Promise, handed_on: NDArray[np.uint8], team: Team
) -> Material:
    """Give every good image its job, and forge what the checkpoint is chosen by.

    Raises InputError for textures that cannot be read, and a batch that the team cannot share.
    """
    split = split_good_images(good.pixels, options.held_out_share, options.choice_share, promise.images)
    forger = build_forger(good, split.train, options)
    part = team.part(options.batch_size)
    tiles = Tiles(good.pixels, tuple(split.train), good.tiling)
    for_choice = Tiles(good.pixels, tuple(split.choice), good.tiling)
    return Material(
        good=good,
        tiles=tiles,
        split=split,
        promise=promise,
        handed_on=handed_on,
        sampler=Sampler(tiles, forger, options.batch_size, options.seed, part, tiles.within),
        choice_set=forged_choice_set(for_choice, forger, options.seed, for_choice.within),
    )


def most_handed_on(good: GoodFrames, promise: Promise) -> int:
    """Frames of many tiles are large, so fewer of them go into every model, but no fewer than the promise takes."""
    return max(MOST_HANDED_ON // good.tiling.count, promise.images)
