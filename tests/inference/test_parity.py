"""The comparison sees what it must: a wrong answer of any kind of frame, at any batch size, and a bound batch."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from line_inspector.inference.cpu import cpu_forward
from line_inspector.inference.parity import compare, parity_pixels
from line_inspector.model.adps import ADPS

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def model(build_tiny_model: Callable[..., ADPS]) -> ADPS:
    return build_tiny_model()


@pytest.fixture(scope="module")
def golden(draw_frame: Callable[..., np.ndarray]) -> list[np.ndarray]:
    return [draw_frame(1), draw_frame(2)]


@pytest.fixture(scope="module")
def pixels(golden: list[np.ndarray]) -> np.ndarray:
    return parity_pixels(golden, 64)


@pytest.fixture
def forward(build_tiny_model: Callable[..., ADPS]) -> Callable[[np.ndarray], torch.Tensor]:
    return cpu_forward(build_tiny_model())


def test_the_frames_are_the_golden_ones_and_spoilt_ones_all_different(pixels: np.ndarray) -> None:
    assert pixels.shape == (10, 3, 64, 64)
    assert len({frame.tobytes() for frame in pixels}) == 10


def test_an_engine_that_answers_as_the_model_does_is_within_the_tolerance(
    model: ADPS, forward: Callable, pixels: np.ndarray
) -> None:
    parity = compare(model, forward, pixels)
    assert parity.within(TOLERANCE)
    assert parity.frames == 10
    assert 0.0 < parity.lowest_score < parity.highest_score < 1.0


@pytest.mark.parametrize("wrong", range(10))
def test_one_frame_answered_wrongly_is_seen(model: ADPS, forward: Callable, pixels: np.ndarray, wrong: int) -> None:
    def almost(given: np.ndarray) -> torch.Tensor:
        maps = forward(given).clone()
        maps[[bool((frame == pixels[wrong]).all()) for frame in given]] *= 0.99
        return maps

    parity = compare(model, almost, pixels)
    assert not parity.within(TOLERANCE)
    assert parity.score_difference > TOLERANCE


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_batch_size_answered_wrongly_is_seen(model: ADPS, forward: Callable, pixels: np.ndarray, size: int) -> None:
    def almost(given: np.ndarray) -> torch.Tensor:
        return forward(given) * (0.99 if len(given) == size else 1.0)

    assert not compare(model, almost, pixels).within(TOLERANCE)


def test_a_wrong_pixel_below_the_score_is_seen(model: ADPS, forward: Callable, pixels: np.ndarray) -> None:
    def almost(given: np.ndarray) -> torch.Tensor:
        maps = forward(given).clone()
        maps[:, 0, 0] = 0.0
        return maps

    parity = compare(model, almost, pixels)
    assert parity.map_difference > TOLERANCE


def test_an_answer_that_is_no_number_is_not_within_any_tolerance(
    model: ADPS, forward: Callable, pixels: np.ndarray
) -> None:
    def broken(given: np.ndarray) -> torch.Tensor:
        maps = forward(given).clone()
        maps[0, 0, 0] = float("nan")
        return maps

    assert not compare(model, broken, pixels).within(1.0)


def test_a_batch_bound_to_one_size_is_refused(model: ADPS, forward: Callable, pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="batches of 2"):
        compare(model, lambda given: forward(given[:1]), pixels)
