"""From frame and heat to JPEG."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from overlay_results import result

from line_inspector.images import Frame
from line_inspector.messages import HEAT_SIDE_PX, Result
from line_inspector.overlay.picture import CAPTION_HEIGHT_PX, LONGEST_SIDE_PX, blend, draw, outline, usable_threshold

GREY = 90


def heat_with_spot(value: int = 230) -> NDArray[np.uint8]:
    heat = np.zeros((HEAT_SIDE_PX, HEAT_SIDE_PX), np.uint8)
    heat[40:52, 8:20] = value
    return heat


def decoded(data: bytes) -> Frame:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def reject(heat: bytes) -> Result:
    return result(accepted=False, heat=heat)


@pytest.mark.parametrize("shape", [(256, 256), (256, 256, 3), (900, 1600, 3), (16, 40)])
def test_the_picture_keeps_the_frames_proportions_and_stands_over_its_caption(shape: tuple[int, ...]) -> None:
    picture = draw(np.full(shape, GREY, np.uint8), reject(heat_with_spot().tobytes()))
    scale = LONGEST_SIDE_PX / max(shape)
    expected = (round(shape[0] * scale) + CAPTION_HEIGHT_PX, round(shape[1] * scale), 3)
    assert decoded(picture.plain).shape == decoded(picture.marked).shape == expected


def test_heat_colours_the_defect_alone_and_the_plain_picture_not_at_all() -> None:
    picture = draw(np.full((256, 256), GREY, np.uint8), reject(heat_with_spot().tobytes()))
    plain, marked = decoded(picture.plain).astype(int), decoded(picture.marked).astype(int)
    defect = (slice(430, 490), slice(110, 170))  # heat 40..52 x 8..20 on 640 px
    assert np.abs(plain[:600] - GREY).max() < 8
    assert np.abs(marked[:300] - GREY).max() < 8
    assert (marked[defect][:, :, 2] - marked[defect][:, :, 0]).min() > 40


def test_the_outline_encloses_the_defect() -> None:
    picture = np.full((640, 640, 3), GREY, np.uint8)
    outline(picture, heat_with_spot().astype(np.float32) / 255, 0.4)
    white = np.argwhere((picture == 255).all(axis=2))
    (top, left), (bottom, right) = white.min(axis=0), white.max(axis=0)
    assert abs(top - 400) < 12
    assert abs(bottom - 520) < 12
    assert abs(left - 80) < 12
    assert abs(right - 200) < 12


def test_an_accepted_part_has_no_outline() -> None:
    heat = heat_with_spot(60).tobytes()
    accepted = decoded(draw(np.zeros((640, 640), np.uint8), result(heat=heat)).marked)
    rejected = decoded(draw(np.zeros((640, 640), np.uint8), reject(heat)).marked)
    assert accepted[:640].max() < 150
    assert rejected[:640].max() > 220


def test_the_caption_tells_accept_from_reject_in_words_not_only_in_colour() -> None:
    frame = np.zeros((640, 640), np.uint8)
    letters = [
        decoded(draw(frame, part).plain)[640:, :100].min(axis=2) > 150
        for part in (result(), result(accepted=False))  # white letters on either colour
    ]
    assert letters[0].sum() > 100
    assert (letters[0] != letters[1]).sum() > 50


@pytest.mark.parametrize("heat", [b"", b"\0" * 100])
def test_a_part_without_a_heat_map_has_one_picture(heat: bytes) -> None:
    picture = draw(np.full((64, 64), GREY, np.uint8), reject(heat))
    assert picture.plain == picture.marked


@pytest.mark.parametrize("threshold", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_an_unusable_threshold_does_not_spoil_the_scale(threshold: float | None) -> None:
    assert usable_threshold(result(threshold=threshold)) == 0.5
    draw(np.full((64, 64), GREY, np.uint8), result(threshold=threshold, heat=heat_with_spot().tobytes()))


@given(st.floats(0.001, 100), st.integers(0, 255))
def test_blending_never_leaves_the_range_of_pixels(threshold: float, grey: int) -> None:
    frame = np.full((32, 48, 3), grey, np.uint8)
    cold = blend(frame, np.zeros((HEAT_SIDE_PX, HEAT_SIDE_PX), np.float32), threshold)
    assert (cold == frame).all()
    hot = blend(frame, np.ones((HEAT_SIDE_PX, HEAT_SIDE_PX), np.float32), threshold)
    assert hot.shape == frame.shape
    assert hot.dtype == np.uint8


def test_a_reject_is_outlined_where_the_map_reaches_the_pixels_threshold() -> None:
    heat = heat_with_spot(100)
    heat[0:8, 50:60] = 60
    top_right, spot = (slice(0, 80), slice(480, 620)), (slice(380, 540), slice(60, 220))

    def outlined(pixel_threshold: float, place: tuple[slice, slice]) -> bool:
        part = result(accepted=False, threshold=0.35, pixel_threshold=pixel_threshold, heat=heat.tobytes())
        marked = decoded(draw(np.zeros((640, 640), np.uint8), part).marked)
        return bool(marked[place].min(axis=2).max() > 220)

    assert outlined(0.2, top_right) and outlined(0.2, spot)
    assert not outlined(0.26, top_right) and outlined(0.26, spot)
    assert outlined(0.9, spot)  # nothing reaches it, and the worst place is outlined all the same
