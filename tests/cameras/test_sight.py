"""A camera that sees nothing is found, and one that sees is left alone."""

import numpy as np
import pytest

from line_inspector.cameras.renderer import render
from line_inspector.cameras.sight import Sight, Unseen
from line_inspector.images import Frame
from line_inspector.part_record import Reason
from line_inspector.ring import fingerprint

AFTER = 4


def look(sight: Sight, frame: Frame) -> Unseen | None:
    """As a capture station does it."""
    unseen = sight.look(frame)
    sight.remember(frame)
    return unseen


def rendered(seed: int) -> np.ndarray:
    return render(seed, "", 128, 128)[0]


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_frames_of_one_grey_are_blind_after_so_many(grey: int) -> None:
    sight, rng = Sight(AFTER), np.random.default_rng(grey)
    frames = [np.clip(grey + rng.integers(-1, 2, (480, 640)), 0, 255).astype(np.uint8) for _ in range(6)]
    told = [look(sight, frame) for frame in frames]
    assert [bool(why) for why in told] == [False] * (AFTER - 1) + [True] * 3
    assert told[-1] is not None and "one grey" in told[-1].detail and not look(sight, rendered(1))


def test_a_frozen_picture_is_blind_however_good_it_is() -> None:
    sight = Sight(AFTER)
    told = [look(sight, rendered(1)) for _ in range(6)]
    assert [bool(why) for why in told] == [False] * AFTER + [True, True]
    assert told[-1] is not None and "part before" in told[-1].detail


def test_a_camera_that_must_differ_repeats_no_picture_at_all() -> None:
    sight = Sight(AFTER, must_differ=True)
    told = [look(sight, rendered(seed)) for seed in (1, 1, 2, 2, 2, 2, 2, 3, 2)]
    reasons = [unseen.reason if unseen else None for unseen in told]
    repeated, blind = Reason.REPEATED_FRAME, Reason.CAMERA_BLIND
    assert reasons == [None, repeated, None, repeated, repeated, repeated, blind, None, None]


def test_one_grain_of_noise_anywhere_makes_another_picture() -> None:
    sight, saturated = Sight(AFTER, must_differ=True), np.zeros((480, 640), np.uint8)
    saturated[:, 320:] = 255
    noisy = saturated.copy()
    noisy[7, 11] += 1  # no row that the fingerprint looks at
    assert fingerprint(noisy) == fingerprint(saturated)
    assert not any(look(sight, frame) for frame in (saturated, noisy, saturated, noisy))


def test_where_the_frame_before_was_written_over_an_equal_fingerprint_must_do() -> None:
    sight, slot = Sight(AFTER, must_differ=True), rendered(1).copy()
    look(sight, slot)
    frame = slot.copy()
    slot[:] = rendered(2)
    assert sight.look(frame) and not sight.look(rendered(3))


def test_parts_that_look_alike_are_none_of_it() -> None:
    sight = Sight(2)
    assert not any(look(sight, rendered(seed)) for seed in range(30))


def test_a_blind_frame_now_and_then_is_no_blind_camera() -> None:
    sight, black = Sight(2), np.zeros((128, 128, 3), np.uint8)
    assert not any(look(sight, black if number % 2 else rendered(number)) for number in range(20))
