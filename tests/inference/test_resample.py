"""The device's resize is OpenCV's: equal but for rounding, whatever the sizes, at most one grey level apart."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from line_inspector.inference.device_input import DeviceInput
from line_inspector.inference.preprocess import to_model_input
from line_inspector.inference.view import WHOLE, View

CPU = torch.device("cpu")
sides = st.integers(1, 400)


def drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def on_device(frames: np.ndarray, size_px: int, view: View = WHOLE) -> np.ndarray:
    """Frames of one shape, as the engine takes them there."""
    device_input = DeviceInput(view, size_px, CPU)
    bands = torch.from_numpy(np.stack([device_input.band(frame) for frame in frames]))
    return device_input.regions(bands, frames[0].shape).numpy()


def apart(frames: np.ndarray, size_px: int, view: View = WHOLE) -> np.ndarray:
    expected = np.stack([to_model_input(frame, size_px, view) for frame in frames])
    got = on_device(frames, size_px, view)
    assert got.shape == expected.shape and got.dtype == np.uint8
    return np.abs(got.astype(int) - expected.astype(int))


@settings(max_examples=60, deadline=None)
@given(sides, sides, st.booleans(), st.integers(1, 70))
def test_any_frame_is_resized_as_opencv_does(height: int, width: int, colour: bool, size_px: int) -> None:
    frames = drawn(0, 2, height, width, 3) if colour else drawn(0, 2, height, width)
    assert apart(frames, size_px).max() <= 1


@pytest.mark.parametrize(("shape", "share"), [((1024, 1280), 0.01), ((600, 256), 0.01), ((512, 512), 0.0)])
def test_shrinking_is_the_same_to_the_grey_level_but_for_ties(shape: tuple[int, int], share: float) -> None:
    assert (apart(drawn(1, 1, *shape), 256) > 0).mean() <= share


def test_a_frame_of_the_models_size_is_left_alone() -> None:
    assert apart(drawn(2, 2, 64, 64, 3), 64).max() == 0


def test_a_tall_narrow_frame_shrinks_one_way_and_grows_the_other() -> None:
    assert apart(drawn(3, 1, 900, 40), 256).max() <= 1


def test_a_side_longer_than_a_block_of_weights_is_whole() -> None:
    """A single white column near the far end must come out where OpenCV puts it."""
    frame = np.zeros((1, 300, 2000), np.uint8)
    frame[0, :, 1990] = 255
    assert apart(frame, 128).max() <= 1
    assert on_device(frame, 128)[0, 0, 5].argmax() == 127


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0, 0.6),
    st.floats(0, 0.6),
    st.floats(0.05, 0.4),
    st.floats(0.05, 0.4),
    st.booleans(),
)
def test_a_region_of_interest_is_cut_at_the_same_pixels(
    x: float, y: float, width: float, height: float, colour: bool
) -> None:
    view = View(x=x, y=y, width=width, height=height, rows=1, columns=2)
    frames = drawn(4, 1, 173, 211, 3) if colour else drawn(4, 1, 173, 211)
    assert apart(frames, 32, view).max() <= 1


def test_only_the_rows_of_the_region_go_to_the_device() -> None:
    frame = drawn(5, 100, 50)
    band = DeviceInput(View(y=0.25, height=0.5), 32, CPU).band(frame)
    assert band.shape == (50, 50)
    assert np.shares_memory(band, frame)


def test_blue_green_red_becomes_red_green_blue() -> None:
    frame = np.zeros((1, 8, 8, 3), np.uint8)
    frame[..., 0], frame[..., 1], frame[..., 2] = 10, 20, 30
    assert on_device(frame, 4)[0, :, 0, 0].tolist() == [30, 20, 10]


def test_the_weights_are_those_of_this_opencv() -> None:
    """Were its arithmetic another one, a soft picture would show it: no rounding, all of it by float."""
    soft = np.asarray(cv2.GaussianBlur(drawn(6, 333, 457), (0, 0), 9))
    assert apart(soft[None], 64).max() <= 1
