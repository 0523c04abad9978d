"""Promotion: a candidate that is worse in any measure stays out, and the reason is said."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_inspector.training.promotion import Margins, Trial, judge

SOLID = Trial(
    good=100,
    good_rejected=2,
    forged=80,
    forged_accepted=8,
    image_auroc=0.95,
    pixel_ap=0.6,
    promised_false_reject_rate=0.02,
)

# False rejects among 100 good parts that are not exceeded in 99 of 100 cases, by the promised rate.
LIKELY = {0.005: 3, 0.02: 6, 0.1: 18}

trials = st.builds(
    Trial,
    good=st.just(100),
    good_rejected=st.integers(0, 100),
    forged=st.just(80),
    forged_accepted=st.integers(0, 80),
    image_auroc=st.floats(0, 1),
    pixel_ap=st.floats(0, 1),
    promised_false_reject_rate=st.sampled_from(sorted(LIKELY)),
)


def test_an_equal_candidate_is_promoted() -> None:
    assert judge(SOLID, SOLID).promoted


@pytest.mark.parametrize(
    ("worse", "reason"),
    [
        ({"image_auroc": 0.93}, "Image AUROC on forged defects is 0.930, in service 0.950."),
        ({"pixel_ap": 0.57}, "Pixel AP on forged defects is 0.570, in service 0.600."),
        ({"forged_accepted": 11}, "Forged defects accepted: 11 of 80, in service 8."),
        ({"good_rejected": 7}, "Good parts rejected: 7 of 100, its promise of 2.00% makes 6 likely at most."),
        ({"image_auroc": float("nan")}, "Image AUROC on forged defects is nan, below 0.700."),
        ({"pixel_ap": float("nan")}, "Pixel AP on forged defects is nan, in service 0.600."),
    ],
)
def test_worse_in_one_measure_is_enough_to_stay_out(worse: dict[str, float], reason: str) -> None:
    better_elsewhere = replace(SOLID, good_rejected=0, forged_accepted=0, image_auroc=1.0, pixel_ap=0.9)
    verdict = judge(replace(better_elsewhere, **worse), SOLID)
    assert not verdict.promoted
    assert reason in verdict.reasons


def test_one_image_more_decides_nothing_in_a_small_trial() -> None:
    small = Trial(
        good=8,
        good_rejected=0,
        forged=24,
        forged_accepted=2,
        image_auroc=0.95,
        pixel_ap=0.6,
        promised_false_reject_rate=0.02,
    )
    assert judge(replace(small, good_rejected=1, forged_accepted=3), small).promoted
    assert not judge(replace(small, good_rejected=3), small).promoted


def test_the_first_model_must_have_learned_something() -> None:
    assert judge(SOLID, None).promoted
    assert not judge(replace(SOLID, image_auroc=0.69), None).promoted


@given(trials, trials)
def test_whatever_is_promoted_is_within_every_margin(candidate: Trial, in_service: Trial) -> None:
    margins = Margins()
    verdict = judge(candidate, in_service, margins)
    within = (
        candidate.image_auroc >= max(margins.least_image_auroc, in_service.image_auroc - margins.image_auroc)
        and candidate.pixel_ap >= in_service.pixel_ap - margins.pixel_ap
        and candidate.good_rejected <= max(in_service.good_rejected, LIKELY[candidate.promised_false_reject_rate])
        and candidate.forged_accepted <= in_service.forged_accepted + 2
    )
    assert verdict.promoted == within
    assert verdict.reasons


@given(trials)
def test_a_sound_model_may_always_be_replaced_by_its_equal(trial: Trial) -> None:
    assert judge(trial, trial).promoted == (trial.image_auroc >= Margins().least_image_auroc)


def test_trials_on_different_images_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="same images"):
        judge(SOLID, replace(SOLID, good=99))
    with pytest.raises(ValueError, match="good and forged"):
        judge(replace(SOLID, good=0), None)
