import numpy as np
import pytest

from line_inspector.training.coreset import find_coreset


def _clumps(dimensions: int) -> np.ndarray:
    """A thousand vectors near the origin, and five that lie far off, each elsewhere."""
    rng = np.random.default_rng(0)
    far = np.zeros((5, dimensions), np.float32)
    far[np.arange(5), np.arange(5)] = 100
    return np.concatenate([rng.standard_normal((1000, dimensions), np.float32), far])


@pytest.mark.parametrize("dimensions", [8, 200])
def test_what_is_rare_is_among_the_few_that_are_chosen(dimensions: int) -> None:
    chosen = find_coreset(_clumps(dimensions), 8, seed=0)
    assert set(range(1000, 1005)) <= set(chosen.tolist())
    assert len(set(chosen.tolist())) == 8


def test_no_vector_is_further_from_all_chosen_than_the_chosen_are_from_each_other() -> None:
    vectors = np.random.default_rng(1).standard_normal((500, 4), np.float32)
    chosen = vectors[find_coreset(vectors, 20, seed=0)]
    between = np.linalg.norm(chosen[:, None] - chosen[None], axis=2)[~np.eye(20, dtype=bool)].min()
    assert np.linalg.norm(vectors[:, None] - chosen[None], axis=2).min(axis=1).max() <= between + 1e-4


def test_the_same_seed_chooses_the_same_and_more_than_there_are_can_be_had() -> None:
    vectors = _clumps(8)
    assert np.array_equal(find_coreset(vectors, 30, seed=3), find_coreset(vectors, 30, seed=3))
    assert len(find_coreset(vectors[:7], 20, seed=0)) == 20
