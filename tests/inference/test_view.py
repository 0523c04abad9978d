"""What a view takes of a frame, and where its map lands on it."""

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from line_inspector.inference.heat import coarse_maps, over_frame
from line_inspector.inference.manifest import Preprocessing
from line_inspector.inference.preprocess import to_model_input
from line_inspector.inference.view import WHOLE, View
from line_inspector.messages import HEAT_SIDE_PX

HALF = View(x=0.5, y=0.25, width=0.25, height=0.5)


@pytest.mark.parametrize(
    "beyond",
    [
        {"x": 0.6, "width": 0.5},
        {"y": -0.1},
        {"width": 0.0},
        {"height": float("nan")},
        {"rows": 0},
        {"columns": 17},
        {"overlap": 0.6},
        {"foreground": "maybe"},
    ],
)
def test_a_view_that_cannot_be_is_refused_in_code_and_in_a_manifest(beyond: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        msgspec.convert(beyond, View)


def test_a_manifest_that_was_written_before_there_were_views_is_of_the_whole_frame() -> None:
    written = b'{"size_px": 64, "colour_order": "RGB", "resize": "area"}'
    assert msgspec.json.decode(written, type=Preprocessing).view == WHOLE


def test_shares_that_add_up_to_one_only_after_rounding_are_fine() -> None:
    assert View(x=0.7, width=0.3, y=0.1, height=0.9).region_shape(64) == (64, 64)


def test_the_region_of_interest_is_cut_and_brought_to_what_the_tiles_cover() -> None:
    frame = np.zeros((100, 200, 3), np.uint8)
    frame[25:75, 100:150] = 200
    view = msgspec.structs.replace(HALF, rows=2, columns=3, overlap=0.25)
    region = to_model_input(frame, 64, view)
    assert region.shape == (3, 64 + 48, 64 + 2 * 48)
    assert (region == 200).all()
    assert (to_model_input(frame[:, :, 0], 64, view) == 200).all()


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 0.95), st.floats(0.02, 1.0))
def test_any_frame_has_a_region(height: int, width: int, start: float, length: float) -> None:
    view = View(x=start, y=start / 2, width=min(length, 1 - start), height=max(0.02, length / 2))
    cut = view.cut(np.zeros((height, width), np.uint8))
    assert 1 <= cut.shape[0] <= height and 1 <= cut.shape[1] <= width


def test_the_whole_frame_as_one_tile_is_the_models_input_as_ever() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    assert np.array_equal(to_model_input(frame, 64, WHOLE), to_model_input(frame, 64))
    assert WHOLE.region_shape(64) == (64, 64) and WHOLE.corners_px(64) == [(0, 0)]
    maps = torch.rand(2, 64, 64)
    assert torch.equal(over_frame(maps, WHOLE, (64, 64)), maps)
    assert torch.equal(over_frame(maps, WHOLE, (16, 24)), torch.nn.functional.adaptive_max_pool2d(maps, (16, 24)))


def test_the_map_of_a_region_lands_where_the_region_lies() -> None:
    maps = torch.zeros(1, 100, 100)
    maps[0, 50, 20] = 0.9  # the middle of the region's height, a fifth of its width
    heat = coarse_maps(maps, HALF)[0]
    assert heat.shape == (HEAT_SIDE_PX, HEAT_SIDE_PX)
    row, column = divmod(int(heat.argmax()), HEAT_SIDE_PX)
    assert (row, column) == (32, int(64 * (0.5 + 0.2 * 0.25)))
    assert heat.max() == 0.9 * torch.ones(())
    ones = coarse_maps(torch.ones(1, 100, 100), HALF)[0]
    assert (ones[16:48, 32:48] == 1).all() and ones.sum() == 32 * 16


@given(st.floats(0, 0.7), st.floats(0.02, 0.3), st.integers(1, 300), st.integers(0, 299))
def test_no_pixel_of_a_region_is_lost(start: float, length: float, pixels: int, at: int) -> None:
    maps = torch.zeros(1, pixels, pixels)
    maps[0, at % pixels, at * 7 % pixels] = 1.0
    view = View(x=start, y=start, width=length, height=length)
    assert coarse_maps(maps, view).max() == 1.0
    assert over_frame(maps, view, (300, 200)).max() == 1.0
