import pytest
import torch

from line_inspector.model.likeness import MOST_SIDE, shared_among_alike

UNIT = torch.tensor(1.0)


def _two_halves(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of two kinds, one on each side; evidence that a single place of the left half gives."""
    features = torch.zeros(1, 3, side, side)
    features[:, 1, :, side // 2 :] = 100.0
    evidence = torch.zeros(1, 1, side, side)
    evidence[0, 0, 4, 2] = 3.0
    return evidence, features


def test_what_one_place_shows_counts_for_those_that_look_like_it_and_for_no_others() -> None:
    evidence, features = _two_halves(16)
    shared = shared_among_alike(evidence, features, UNIT, 0.5)[0, 0]
    left, right = shared[:, :8], shared[:, 8:]
    assert left.min() > 0.001
    assert left[4, 3] > left[15, 7]  # near ones more than far ones
    assert right.abs().max() < 1e-6


def test_a_place_that_looks_like_no_other_keeps_its_own_word() -> None:
    evidence, features = _two_halves(16)
    features[0, 2, 4, 2] = 100.0
    shared = shared_among_alike(evidence, features, UNIT, 0.5)
    assert shared[0, 0, 4, 2] == pytest.approx(3.0, abs=1e-5)


def test_softer_means_more_alike() -> None:
    torch.manual_seed(0)
    evidence, features = torch.randn(1, 1, 8, 8), torch.randn(1, 4, 8, 8)
    spreads = [float(shared_among_alike(evidence, features, UNIT, softness).std()) for softness in (0.01, 1.0, 100.0)]
    assert spreads == sorted(spreads, reverse=True)


def test_evidence_of_one_value_stays_it() -> None:
    torch.manual_seed(0)
    shared = shared_among_alike(torch.full((2, 1, 8, 8), -1.5), torch.randn(2, 4, 8, 8), UNIT, 0.6)
    assert torch.allclose(shared, torch.full_like(shared, -1.5))


def test_images_of_a_batch_do_not_meet() -> None:
    torch.manual_seed(0)
    evidence, features = torch.randn(2, 1, 8, 8), torch.randn(2, 4, 8, 8)
    alone = torch.cat([shared_among_alike(evidence[i : i + 1], features[i : i + 1], UNIT, 0.6) for i in (0, 1)])
    assert torch.allclose(shared_among_alike(evidence, features, UNIT, 0.6), alone, atol=1e-6)


@pytest.mark.parametrize(("side", "left"), [(16, 16), (32, 32), (48, 24), (64, 32), (80, 20)])
def test_large_maps_are_shrunk_first(side: int, left: int) -> None:
    shared = shared_among_alike(*_two_halves(side), UNIT, 0.6)
    assert shared.shape == (1, 1, left, left)
    assert left <= MOST_SIDE
