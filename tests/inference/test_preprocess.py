"""Frames of any legal size and kind become the model's input; every other is refused with its reason."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_inspector.errors import InputError
from line_inspector.inference.preprocess import frame_fault, to_model_input


@given(st.integers(1, 90), st.integers(1, 90), st.booleans(), st.integers(1, 70))
def test_any_legal_frame_becomes_rgb_of_the_models_size(height: int, width: int, colour: bool, size: int) -> None:
    shape = (height, width, 3) if colour else (height, width)
    frame = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    result = to_model_input(frame, size)
    assert result.shape == (3, size, size)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    assert frame.min() <= result.min() and result.max() <= frame.max()


def test_blue_green_red_becomes_red_green_blue() -> None:
    frame = np.zeros((8, 8, 3), np.uint8)
    frame[..., 0], frame[..., 1], frame[..., 2] = 10, 20, 30
    assert to_model_input(frame, 4)[:, 0, 0].tolist() == [30, 20, 10]


def test_mono_and_the_same_grey_in_colour_agree() -> None:
    mono = np.random.default_rng(1).integers(0, 256, (50, 70), dtype=np.uint8)
    assert np.array_equal(to_model_input(mono, 32), to_model_input(np.dstack([mono] * 3), 32))


def test_shrinking_averages_so_that_no_pixel_is_lost() -> None:
    frame = np.zeros((64, 64), np.uint8)
    frame[33, 17] = 255
    shrunk = to_model_input(frame, 16)[0]
    assert shrunk[8, 4] == 16  # 255 / 16 pixels
    assert np.count_nonzero(shrunk) == 1


def test_a_frame_that_is_not_contiguous_is_fine() -> None:
    frame = np.random.default_rng(2).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    assert np.array_equal(to_model_input(frame[::2, ::-1], 20), to_model_input(frame[::2, ::-1].copy(), 20))


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (np.zeros((8, 8), np.uint16), "8-bit"),
        (np.zeros((8, 8), np.float32), "8-bit"),
        (np.zeros((8, 8, 4), np.uint8), "(8, 8, 4)"),
        (np.zeros((8,), np.uint8), "(8,)"),
        (np.zeros((0, 8), np.uint8), "empty"),
        (None, "NoneType"),
    ],
)
def test_other_frames_are_refused_with_the_reason(frame: np.ndarray, reason: str) -> None:
    fault = frame_fault(frame)
    assert fault is not None and reason in fault
    with pytest.raises(InputError, match="frame"):
        to_model_input(frame, 16)
