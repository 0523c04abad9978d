"""Which good images are trained on, which choose the checkpoint, which set the threshold. No image does two jobs.

An image's job follows from its pixels, so it is the same in every training: what calibrates tonight's model was not
learned by the model that it started from, and a picture that comes twice does one job.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from line_inspector.training.promise import least_for_choice

Pixels = NDArray[np.uint8]


class Split(NamedTuple):
    """Indices into the set of good images, each in ascending order; disjoint, together the whole set."""

    train: list[int]
    choice: list[int]
    calibration: list[int]


def split_good_images(pixels: Pixels, held_out_share: float, choice_share: float, for_calibration: int) -> Split:
    """Split images (N, S, S, 3): on average `held_out_share` of them are held out, `choice_share` of those for choice.

    More are held out, up to half, where `for_calibration` at least takes them (promise.py says how many there can be).
    Who is held out then follows from the same lots, so that a growing set gives images back to training and takes none.
    """
    least = for_calibration + least_for_choice(len(pixels))
    train, held_out = hold_out(pixels, held_out_share, least, len(pixels) // 2, "held out")
    spare = len(held_out) - for_calibration
    calibration, choice = hold_out(pixels[held_out], choice_share, 2, spare, "choice")
    of_held_out = [sorted(held_out[i] for i in part) for part in (choice, calibration)]
    return Split(train, *of_held_out)


def hold_out(pixels: Pixels, share: float, least: int, most: int, purpose: str) -> tuple[list[int], list[int]]:
    """Indices of the images that are kept, and of those held out: `share` of them on average, `least` to `most`.

    An image's lot depends on its pixels and the purpose alone, but for `least` and `most`.
    """
    lots = [lot(image, purpose) for image in pixels]
    order = sorted(range(len(lots)), key=lots.__getitem__)
    count = min(max(least, sum(drawn < share for drawn in lots)), most)
    return sorted(order[count:]), sorted(order[:count])


def lot(image: Pixels, purpose: str) -> float:
    """A number, 0 to 1, that the image's pixels draw, another one for each purpose."""
    return int.from_bytes(identity(image, purpose)[:8], "big") / 2**64


def identity(image: Pixels, purpose: str = "") -> bytes:
    """A digest of the pixels: equal for equal images only."""
    return hashlib.sha256(purpose.encode() + np.ascontiguousarray(image).tobytes()).digest()


def different(pixels: Sequence[Pixels] | Pixels, besides: Sequence[Pixels] = ()) -> list[int]:
    """Indices of images that have not come before, and are not among `besides`."""
    seen = {identity(image) for image in besides}
    first: list[int] = []
    for index, image in enumerate(pixels):
        digest = identity(image)
        if digest not in seen:
            seen.add(digest)
            first.append(index)
    return first
