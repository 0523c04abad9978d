from dataclasses import replace

import pytest
import torch

from line_inspector.model.architecture import Architecture
from line_inspector.training.options import TrainingOptions
from line_inspector.training.windows import draw_windows

OPTIONS = TrainingOptions(architecture=Architecture(image_size_px=128, patches_per_side=8))
NO_CONTEXT = TrainingOptions(architecture=replace(OPTIONS.architecture, context_stride=0))


@pytest.mark.parametrize(("options", "unit_px"), [(OPTIONS, 32), (NO_CONTEXT, 16)])
def test_a_forged_image_shows_its_anomaly_and_a_good_one_any_part(options: TrainingOptions, unit_px: int) -> None:
    """Windows begin where a patch begins and, in the deepest stage, a feature."""
    masks = torch.zeros(2, 1, 128, 128)
    masks[0, :, 100:103, 5:8] = 1.0
    tops = set()
    for step in range(60):
        windows = draw_windows(masks, options, step)
        assert windows is not None
        assert windows.size_px == 64
        (top, left), other = windows.corners_px
        assert top <= 100 < top + 64
        assert left <= 5 < left + 64
        for corner in (top, left, *other):
            assert corner % unit_px == 0
            assert 0 <= corner <= 64
        tops.add(other[0])
    assert tops == set(range(0, 65, unit_px))
    assert draw_windows(masks, options, 5) == draw_windows(masks, options, 5)


def test_the_whole_image_needs_no_window() -> None:
    masks = torch.zeros(1, 1, 128, 128)
    whole = TrainingOptions(architecture=OPTIONS.architecture, window_share=1.0)
    symmetric = TrainingOptions(architecture=Architecture(image_size_px=128, patches_per_side=1))
    assert draw_windows(masks, whole, 0) is None
    assert draw_windows(masks, symmetric, 0) is None
