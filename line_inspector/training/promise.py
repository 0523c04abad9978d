"""What can be promised from so many good images, known before the training: asked for too much, it is refused."""

import math
from dataclasses import dataclass

from line_inspector.errors import InputError

USUAL_RATE = 0.02
FEWEST_FOR_CALIBRATION = 2
FEWEST_UNASKED = 4
LEAST_OUTLINED_SHARE = 0.001


@dataclass(frozen=True)
class Promise:
    """At most `false_reject_rate` of good parts rejected; it takes `images` that calibrate.

    `outlined_share`: on average at most this share of a good part's area outlined; None is the share that
    `default_outlined_share` names for the number of images that calibrate in the end. `remark`: what a person should
    know who did not ask for a rate; empty where it is USUAL_RATE or one already promised.
    """

    false_reject_rate: float
    outlined_share: float | None
    images: int
    remark: str = ""


def images_needed(share: float) -> int:
    """The fewest held-out good images that can promise `share`: with n of them, 1 / (n + 1) is the best there is."""
    return max(FEWEST_FOR_CALIBRATION, math.ceil(1.0 / share - 1e-9) - 1)


def best_rate(images: int) -> float:
    """The least share that `images` held-out good images can promise."""
    return 1.0 / (images + 1)


def least_to_ask_for(good_images: int) -> float:
    """The least rate that so many good images support, half of them held out, rounded up to a tenth of a percent."""
    return math.ceil(1000 * best_rate(most_for_calibration(good_images))) / 1000


def default_outlined_share(images: int) -> float:
    """Twice the least that can be promised: half stands for what the images cannot show, half for what they do."""
    return max(LEAST_OUTLINED_SHARE, 2.0 * best_rate(images))


def most_for_calibration(good_images: int) -> int:
    """How many of the good images may calibrate: half may be held out, some of which choose the checkpoint."""
    return good_images // 2 - least_for_choice(good_images)


def most_unasked(good_images: int) -> int:
    """How many calibrate a model of which no rate was asked, from a set too small for USUAL_RATE: about a third.

    There, each further image that is held out promises little, and is missed by the model.
    """
    return min(most_for_calibration(good_images), max(FEWEST_UNASKED, good_images // 3 - least_for_choice(good_images)))


def least_for_choice(good_images: int) -> int:
    """How many held-out images choose the checkpoint at least."""
    return max(2, good_images // 20)


def good_images_needed(for_calibration: int) -> int:
    """The fewest good images of which so many may calibrate."""
    count = 2 * for_calibration
    while most_for_calibration(count) < for_calibration:
        count += 1
    return count


def promise_for(
    good_images: int,
    false_reject_rate: float | None,
    outlined_share: float | None,
    *,
    handed_on: int | None = None,
    promised_before: float | None = None,
) -> Promise:
    """What a training on so many good images, all different, shall promise.

    A rate of None is USUAL_RATE or, from too few images for that, what `most_unasked` of them support. `handed_on`: the
    number of frames that came with the parent and must support it, too. `promised_before`: the parent's rate; a rate of
    None may not be weaker.
    Raises InputError for a rate or share that so few images cannot support, with the number that can.
    """
    usable = most_for_calibration(good_images)
    if handed_on is not None:
        usable = min(usable, handed_on)
    chosen, remark = false_reject_rate, ""
    if chosen is None and promised_before is not None:
        chosen = min(promised_before, max(USUAL_RATE, best_rate(max(usable, FEWEST_FOR_CALIBRATION))))
    elif chosen is None:
        chosen = _unasked_rate(good_images, usable)
        remark = _remark(good_images, chosen) if chosen > USUAL_RATE else ""
    for share in (chosen, outlined_share):
        if share is not None and images_needed(share) > usable:
            raise _refusal(share, share == chosen, good_images, handed_on)
    needed = max(images_needed(share) for share in (chosen, outlined_share or 1.0))
    return Promise(chosen, outlined_share, needed, remark)


def _unasked_rate(good_images: int, usable: int) -> float:
    if images_needed(USUAL_RATE) <= usable:
        return USUAL_RATE
    return best_rate(max(min(usable, most_unasked(good_images)), FEWEST_FOR_CALIBRATION))


def _remark(good_images: int, rate: float) -> str:
    needed = images_needed(USUAL_RATE)
    said = (
        f"{good_images} good images promise that at most {rate:.2%} of good parts are rejected, not {USUAL_RATE:.0%}:"
        f" that takes {good_images_needed(needed)} good images, of which {needed} set the limit."
    )
    least = least_to_ask_for(good_images)
    if least >= rate:
        return said
    return (
        f"{said} A stricter promise, down to --false-reject-rate {least:g}, takes more of them out of training,"
        " up to half."
    )


def _refusal(share: float, is_rate: bool, good_images: int, handed_on: int | None) -> InputError:
    name = "false-reject rate" if is_rate else "outlined share"
    option = "--false-reject-rate" if is_rate else "--outlined-share"
    also = " (training.false_reject_rate in a line file)" if is_rate else ""
    needed = images_needed(share)
    if handed_on is not None and handed_on < needed:
        what = f"{handed_on} held-out frames came with the model in service, a promise of {share:.2%} takes {needed}"
        return InputError(what, name, f"Train a model anew from {good_images_needed(needed)} good images, publish it.")
    in_all = good_images_needed(needed)
    what = f"{good_images} good images cannot promise {share:.2%}: that takes {in_all}, {needed} of them held out"
    least = least_to_ask_for(good_images)
    return InputError(what, name, f"Take more pictures, or ask for what these support: {option} {least:g}{also}.")
