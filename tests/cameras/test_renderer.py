import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from line_inspector.cameras.defects import DEFECTS
from line_inspector.cameras.renderer import check_product, render
from line_inspector.errors import InputError

SEEDS = range(16)


@given(seed=st.integers(0, 2**31), defect=st.sampled_from(["", *DEFECTS]))
@settings(max_examples=40, deadline=None)
def test_one_seed_is_one_picture(seed: int, defect: str) -> None:
    frame, mask = render(seed, defect, 128, 128)
    again, mask_again = render(seed, defect, 128, 128)
    assert frame.dtype == mask.dtype == np.uint8
    assert frame.shape == (128, 128, 3)
    assert mask.shape == (128, 128)
    assert np.array_equal(frame, again)
    assert np.array_equal(mask, mask_again)


@given(seed=st.integers(0, 2**31), defect=st.sampled_from(list(DEFECTS)))
@settings(max_examples=60, deadline=None)
def test_the_mask_covers_the_defect_and_little_else(seed: int, defect: str) -> None:
    good, nothing = render(seed, "", 256, 256)
    bad, mask = render(seed, defect, 256, 256)
    assert not nothing.any()
    assert set(np.unique(mask)) == {0, 255}
    assert 8 <= np.count_nonzero(mask) < 0.15 * mask.size
    change = cv2.absdiff(good, bad).max(axis=2)
    assert change[mask > 0].mean() > 4
    # A fibre's shadow and the foot of a dent reach a little beyond what counts as defective.
    far = cv2.dilate(mask, np.ones((25, 25), np.uint8)) == 0
    assert change[far].max() <= 10


@pytest.mark.parametrize("defect", list(DEFECTS))
def test_defects_vary_in_place_and_size(defect: str) -> None:
    masks = [render(seed, defect, 256, 256)[1] for seed in SEEDS]
    centres = np.array([np.argwhere(mask).mean(axis=0) for mask in masks])
    areas = np.array([np.count_nonzero(mask) for mask in masks])
    assert centres.std(axis=0).min() > 20
    assert areas.max() > 1.5 * areas.min()


def test_good_parts_vary_in_light_and_place_but_stay_one_product() -> None:
    frames = np.stack([render(seed, "", 256, 256)[0] for seed in SEEDS]).astype(np.float32)
    assert frames.mean(axis=(1, 2, 3)).std() > 0.5
    correlation = np.corrcoef(frames.mean(axis=3).reshape(len(frames), -1))
    assert correlation.min() > 0.5
    assert correlation[np.triu_indices(len(frames), 1)].max() < 0.995


def test_it_is_a_photograph_not_a_drawing() -> None:
    frame = render(3, "", 256, 256)[0]
    corner = frame[:20, :20, 1].astype(np.float32)
    assert corner.std() > 1  # weave and sensor noise
    assert np.count_nonzero(frame == 255) < 0.002 * frame.size  # highlights are not burnt out
    assert frame[120:136, 120:136].mean() < 40  # the bore is dark
    metal = frame[128, 75:90].mean()
    assert metal > 2 * frame[:20].mean()


@pytest.mark.parametrize(("width_px", "height_px"), [(64, 64), (200, 120), (120, 200), (640, 480)])
def test_any_size(width_px: int, height_px: int) -> None:
    for defect in ("", *DEFECTS):
        frame, mask = render(11, defect, width_px, height_px)
        assert frame.shape == (height_px, width_px, 3)
        assert bool(mask.any()) is bool(defect)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="scratch"):
        render(0, "dragon", 64, 64)
    with pytest.raises(InputError, match="negative"):
        render(-1, "", 64, 64)
    with pytest.raises(InputError, match="disc"):
        check_product("dragon")
