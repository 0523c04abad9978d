"""The stable scale keeps the order and every verdict, and gives the two anchors their places."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from line_inspector.inference.scale import AS_IT_IS, LIMIT, TYPICAL, ScoreScale

SMALLEST = float(np.float32(1e-45))
LAST_BELOW_1 = float(np.nextafter(np.float32(1), np.float32(0)))

scores = st.one_of(
    st.floats(0, 1, width=32),
    st.floats(-80, 16.6).map(lambda x: float(np.float32(1 / (1 + np.exp(-x))))),  # evenly over the logits
    st.sampled_from([0.0, SMALLEST, 1e-30, LAST_BELOW_1, 1.0]),
)
limits = scores.filter(lambda score: score > 0)


def step(score: float, towards: float) -> float:
    return float(np.nextafter(np.float32(score), np.float32(towards)))


@settings(deadline=None)
@given(limits, scores, st.lists(scores, max_size=20))
def test_every_verdict_is_that_of_the_networks_own_score(limit: float, typical: float, more: list[float]) -> None:
    scale = ScoreScale(limit, typical)
    raw = [limit, step(limit, 0), step(limit, 1), 0.0, 1.0, typical, *more]
    assert [score >= limit for score in raw] == (scale.apply(torch.tensor(raw)) >= LIMIT).tolist()


@settings(deadline=None, max_examples=20)
@given(limits, scores, scores)
def test_back_from_the_scale_is_the_least_score_that_reaches_a_place_on_it(
    limit: float, typical: float, place: float
) -> None:
    scale = ScoreScale(limit, typical)
    least = scale.least_reaching(place)
    assert scale.of(least) >= place
    assert least == 0.0 or scale.of(step(least, 0)) < place
    assert np.float32(scale.least_reaching(LIMIT)) == np.float32(limit)


@settings(deadline=None)
@given(limits, scores, st.lists(scores, min_size=2, max_size=50))
def test_the_order_is_kept_within_0_to_1(limit: float, typical: float, raw: list[float]) -> None:
    ordered = torch.tensor(sorted([0.0, *raw, 1.0]))
    mapped = ScoreScale(limit, typical).apply(ordered)
    assert mapped.dtype == torch.float32
    assert (mapped.diff() >= 0).all()
    assert (mapped[0], mapped[-1]) == (0.0, 1.0)


@settings(deadline=None)
@given(st.floats(-15, 8), st.floats(0.3, 11))
def test_limit_and_typical_have_their_places_and_the_way_between_is_strict(at_limit: float, gap: float) -> None:
    scale = ScoreScale(*(1 / (1 + np.exp(-x)) for x in (at_limit, at_limit - gap)))
    x = torch.linspace(at_limit - gap - 5, at_limit + 4, 400, dtype=torch.float64)
    mapped = scale.apply(torch.sigmoid(x)).double()
    assert (mapped.diff() > 0).all()
    assert mapped.diff().max() < 0.3  # continuous: no jump
    assert scale.of(scale.typical) == pytest.approx(TYPICAL, abs=1e-3)  # float32 has few places close to 1
    assert scale.of(scale.limit) == pytest.approx(LIMIT, abs=1e-3)


@pytest.mark.parametrize(
    ("limit", "typical"),
    [(1.0, 1.0), (1.0, 0.0), (SMALLEST, 0.0), (SMALLEST, SMALLEST), (0.3, 0.3), (0.3, 0.0), (0.1, 0.9)],
)
def test_degenerate_anchors_still_make_a_scale(limit: float, typical: float) -> None:
    mapped = ScoreScale(limit, typical).apply(torch.tensor([0.0, SMALLEST, 1e-10, 0.05, 0.3, 0.9, LAST_BELOW_1, 1.0]))
    assert mapped.isfinite().all()
    assert (mapped.diff() >= 0).all()
    assert (mapped[0], mapped[-1]) == (0.0, 1.0)


def test_scores_close_to_0_and_1_stay_apart() -> None:
    scale = ScoreScale(limit=1e-4, typical=1e-6)
    mapped = scale.apply(torch.tensor([1e-20, 1e-12, 1e-8, 1e-5, 1e-3, 0.5, 0.99, 0.999999, LAST_BELOW_1, 1.0]))
    assert (mapped.diff() > 0).all()


def test_without_anchors_of_its_own_it_leaves_scores_as_they_are() -> None:
    raw = torch.rand(1000, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(AS_IT_IS.apply(raw), raw, atol=1e-6)


def test_what_is_no_number_stays_none() -> None:
    assert AS_IT_IS.apply(torch.tensor(float("nan"))).isnan()


@pytest.mark.parametrize(("limit", "typical"), [(0.0, 0.1), (1.1, 0.1), (float("nan"), 0.1), (0.5, float("nan"))])
def test_a_scale_without_a_limit_is_refused(limit: float, typical: float) -> None:
    with pytest.raises(ValueError, match="limit"):
        ScoreScale(limit, typical)
