import pytest
import torch

from line_inspector.model.likeness import share_among_alike

UNIT = torch.tensor(1.0)


def _two_halves(side: int, pixels: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that a single place of the left half raises; features of two kinds, one on each side."""
    features = torch.zeros(1, 3, side, side)
    features[:, 1, :, side // 2 :] = 100.0
    logits = torch.zeros(1, 1, side, side)
    logits[0, 0, 4, 2] = 3.0
    return logits.repeat_interleave(pixels, 2).repeat_interleave(pixels, 3), features


def test_what_one_place_says_counts_for_those_that_look_like_it_and_for_no_others() -> None:
    shared = share_among_alike(*_two_halves(16), UNIT, 0.5)[0, 0]
    left, right = shared[:, :8], shared[:, 8:]
    assert left.min() > 0.001
    assert left[4, 3] > left[15, 7]  # near ones more than far ones
    assert right.abs().max() < 1e-6


def test_a_place_that_looks_like_no_other_keeps_its_own_word() -> None:
    logits, features = _two_halves(16)
    features[0, 2, 4, 2] = 100.0
    assert share_among_alike(logits, features, UNIT, 0.5)[0, 0, 4, 2] == pytest.approx(3.0, abs=1e-5)


def test_what_is_finer_than_a_place_stays() -> None:
    logits, features = torch.zeros(1, 1, 64, 64), torch.zeros(1, 3, 16, 16)
    logits[0, 0, 20, 20], logits[0, 0, 20, 21] = 5.0, -5.0  # within one place, whose mean is 0
    assert torch.allclose(share_among_alike(logits, features, UNIT, 0.5), logits)


def test_softer_means_more_alike() -> None:
    torch.manual_seed(0)
    logits, features = torch.randn(1, 1, 8, 8), torch.randn(1, 4, 8, 8)
    spreads = [float(share_among_alike(logits, features, UNIT, softness).std()) for softness in (0.01, 1.0, 100.0)]
    assert spreads == sorted(spreads, reverse=True)


def test_logits_of_one_value_stay_it() -> None:
    torch.manual_seed(0)
    shared = share_among_alike(torch.full((2, 1, 32, 32), -1.5), torch.randn(2, 4, 8, 8), UNIT, 0.6)
    assert torch.allclose(shared, torch.full_like(shared, -1.5))


def test_images_of_a_batch_do_not_meet() -> None:
    torch.manual_seed(0)
    logits, features = torch.randn(2, 1, 16, 16), torch.randn(2, 4, 8, 8)
    alone = torch.cat([share_among_alike(logits[i : i + 1], features[i : i + 1], UNIT, 0.6) for i in (0, 1)])
    assert torch.allclose(share_among_alike(logits, features, UNIT, 0.6), alone, atol=1e-6)


@pytest.mark.parametrize("side", [16, 32, 48, 64, 80])
def test_maps_of_any_size(side: int) -> None:
    logits, features = _two_halves(side, 4)
    shared = share_among_alike(logits, features, UNIT, 0.6)
    assert shared.shape == logits.shape
    assert float(shared.mean()) == pytest.approx(float(logits.mean()), abs=0.01)
    assert shared[..., 2 * side + 8 :].abs().max() < 1e-5
