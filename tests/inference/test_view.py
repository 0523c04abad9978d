import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from line_inspector.inference.preprocess import to_model_input
from line_inspector.inference.view import Roi, View

SIZE_PX = 32
VIEWS = st.builds(
    View,
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    overlap=st.floats(0, 0.5),
)


def _smooth(height: int, width: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.linspace(0, 3, height), torch.linspace(0, 5, width), indexing="ij")
    return (0.5 + 0.5 * torch.sin(y + x * x))[None]


@given(VIEWS)
def test_tiles_of_one_map_blend_back_to_it_without_a_seam(view: View) -> None:
    whole = _smooth(*view.canvas_shape(SIZE_PX))
    tiles = torch.cat([whole[:, y : y + SIZE_PX, x : x + SIZE_PX] for y, x in view.corners(SIZE_PX)])
    torch.testing.assert_close(view.blend(tiles), whole, rtol=0, atol=1e-6)


@given(VIEWS, st.integers(1, 3))
def test_tiles_are_cut_where_they_are_blended(view: View, frames: int) -> None:
    shape = (frames, 3, *view.canvas_shape(SIZE_PX))
    canvases = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    tiles = view.cut(canvases, SIZE_PX)
    assert tiles.shape == (frames * view.tiles, 3, SIZE_PX, SIZE_PX)
    blended = view.blend(torch.from_numpy(tiles[:, 0].astype(np.float32)))
    torch.testing.assert_close(blended, torch.from_numpy(canvases[:, 0].astype(np.float32)), rtol=0, atol=1e-2)


def test_where_two_tiles_disagree_the_map_passes_smoothly_from_one_to_the_other() -> None:
    view = View(columns=2, overlap=0.5)
    (row,) = view.blend(torch.stack([torch.zeros(SIZE_PX, SIZE_PX), torch.ones(SIZE_PX, SIZE_PX)]))[:, 7]
    assert row[0] < 0.01 and row[-1] > 0.99
    steps = row.diff()
    assert (steps >= -1e-6).all()
    assert steps.max() < 0.15


def test_the_whole_frame_in_one_tile_changes_nothing() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    pixels = to_model_input(frame, SIZE_PX, View())
    assert np.array_equal(pixels, to_model_input(frame, SIZE_PX))
    assert np.shares_memory(View().cut(pixels[None], SIZE_PX), pixels)
    maps = torch.rand(2, SIZE_PX, SIZE_PX)
    assert View().blend(maps) is maps
    assert torch.equal(View().over_frame(SIZE_PX, maps), maps)


def _spot(height: int, width: int, y: int, x: int) -> NDArray[np.uint8]:
    frame = np.zeros((height, width, 3), np.uint8)
    frame[y - 1 : y + 2, x - 1 : x + 2] = 255
    return frame


@pytest.mark.parametrize("roi", [Roi(), Roi(0.5, 0.25, 0.5, 0.5), Roi(0.3, 0.1, 0.35, 0.7)])
@pytest.mark.parametrize("tiles", [(1, 1), (2, 3)])
def test_what_is_seen_in_the_region_lies_at_its_place_in_the_frame(roi: Roi, tiles: tuple[int, int]) -> None:
    view = View(roi, *tiles)
    x, y = (roi.x + 0.6 * roi.width), (roi.y + 0.3 * roi.height)
    frame = _spot(400, 600, int(400 * y), int(600 * x))
    canvas = to_model_input(frame, SIZE_PX, view)
    tiled = view.cut(canvas[None], SIZE_PX)[:, 0].astype(np.float32) / 255
    coarse = view.over_frame(64, view.blend(torch.from_numpy(tiled)))[0].numpy()
    row, column = np.unravel_index(int(coarse.argmax()), coarse.shape)
    assert abs((row + 0.5) / 64 - y) < 0.04 and abs((column + 0.5) / 64 - x) < 0.04
    outside = np.ones((64, 64), bool)
    outside[int(roi.y * 64) : int(np.ceil((roi.y + roi.height) * 64)), int(roi.x * 64) :] = False
    assert not coarse[outside].any()


@given(st.floats(0, 0.8), st.floats(0, 0.8), st.floats(0.1, 1), st.floats(0.1, 1), st.integers(1, 3), st.integers(1, 3))
def test_a_canvas_put_into_a_frame_is_cropped_as_itself(
    x: float, y: float, width: float, height: float, rows: int, columns: int
) -> None:
    view = View(Roi(x, y, min(width, 1 - x), min(height, 1 - y)), rows, columns)
    shape = (*view.canvas_shape(SIZE_PX), 3)
    canvas = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    frame = view.uncrop(canvas)
    assert np.array_equal(to_model_input(frame, SIZE_PX, view), canvas[:, :, ::-1].transpose(2, 0, 1))


def test_the_maximum_survives_the_way_to_any_coarseness() -> None:
    maps = torch.rand(1, 57, 83)
    for view in (View(), View(Roi(0.2, 0.3, 0.4, 0.15))):
        for side in (8, 64, 200):
            assert view.over_frame(side, maps).max() == maps.max()


def test_nothing_counts_outside_the_foreground() -> None:
    mask = np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    mask[:, :10] = 255
    view = View(foreground=cv2.imencode(".png", mask)[1].tobytes())
    blended = view.blend(torch.ones(1, SIZE_PX, SIZE_PX))[0]
    assert torch.equal(blended, torch.from_numpy((mask > 0).astype(np.float32)))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"roi": Roi(0.5, 0, 0.6, 1)}, "region"),
        ({"roi": Roi(-0.1, 0, 0.5, 1)}, "region"),
        ({"roi": Roi(0, 0, 0, 1)}, "region"),
        ({"roi": Roi(float("nan"), 0, 1, 1)}, "region"),
        ({"rows": 0}, "tiles"),
        ({"rows": 9, "columns": 9}, "tiles"),
        ({"overlap": 0.6}, "overlap"),
        ({"overlap": float("nan")}, "overlap"),
        ({"foreground": b"no picture"}, "PNG"),
    ],
)
def test_a_view_that_cannot_be_is_refused(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        View(**fields)  # type: ignore[arg-type]
