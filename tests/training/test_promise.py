"""What so many images can promise is known before the training, and what they cannot is refused with the number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_inspector.errors import InputError
from line_inspector.training.promise import (
    Promise,
    best_rate,
    good_images_needed,
    images_needed,
    most_for_calibration,
    promise_for,
)


def test_what_the_usual_rate_takes() -> None:
    assert images_needed(0.02) == 49
    assert good_images_needed(49) == 108
    assert promise_for(108, None, None) == promise_for(108, 0.02, None) == Promise(0.02, None, 49)


def test_a_small_set_promises_what_it_can_and_says_so() -> None:
    promise = promise_for(31, None, None)
    assert promise.false_reject_rate == pytest.approx(1 / 9)
    assert promise.images == 8
    assert promise.remark == (
        "31 good images promise that at most 11.11% of good parts are rejected, not 2%:"
        " that takes 108 good images, of which 49 set the limit. A stricter promise, down to --false-reject-rate 0.072,"
        " takes more of them out of training, up to half."
    )
    assert promise_for(31, 0.072, None).images == 13
    assert not promise_for(108, None, None).remark


def test_a_rate_that_is_asked_for_and_not_supported_is_refused_with_the_numbers() -> None:
    with pytest.raises(InputError) as refused:
        promise_for(31, 0.02, None)
    assert "31 good images cannot promise 2.00%: that takes 108, 49 of them held out" in str(refused.value)
    assert "--false-reject-rate 0.072" in str(refused.value)
    assert promise_for(31, 0.072, None).images == 13


def test_an_outlined_share_that_is_not_supported_is_refused_too() -> None:
    with pytest.raises(InputError, match="--outlined-share 0.02"):
        promise_for(110, 0.02, 0.001)
    assert promise_for(110, 0.02, 0.02).outlined_share == 0.02


@given(st.integers(8, 3000), st.floats(0.0005, 0.5))
def test_asking_for_what_is_named_is_never_refused(good_images: int, rate: float) -> None:
    try:
        promise = promise_for(good_images, rate, None)
    except InputError:
        assert images_needed(rate) > most_for_calibration(good_images)
        assert promise_for(good_images_needed(images_needed(rate)), rate, None).false_reject_rate == rate
        with pytest.raises(InputError):
            promise_for(good_images_needed(images_needed(rate)) - 1, rate, None)
    else:
        assert promise.images <= most_for_calibration(good_images) < good_images / 2


@given(st.integers(8, 3000))
def test_without_a_rate_a_set_that_is_too_small_for_the_usual_one_is_mostly_learned(good_images: int) -> None:
    unasked = promise_for(good_images, None, None)
    if good_images >= 108:
        assert unasked == Promise(0.02, None, 49)
    else:
        assert unasked.images <= max(4, good_images // 3)
        assert unasked.false_reject_rate == pytest.approx(best_rate(unasked.images))
        assert unasked.images >= min(4, most_for_calibration(good_images))


def test_a_night_promises_no_less_than_the_model_in_service() -> None:
    with pytest.raises(InputError, match=r"40 good images cannot promise 2\.00%"):
        promise_for(40, None, None, handed_on=49, promised_before=0.02)
    assert promise_for(200, None, None, handed_on=49, promised_before=0.02).false_reject_rate == 0.02
    assert promise_for(40, None, None, handed_on=13, promised_before=1 / 14).images == 13
    assert promise_for(300, None, None, handed_on=19, promised_before=1 / 14).false_reject_rate == pytest.approx(0.05)
    with pytest.raises(InputError, match=r"13 held-out frames came with the model in service.*108 good images"):
        promise_for(300, 0.02, None, handed_on=13, promised_before=1 / 14)
