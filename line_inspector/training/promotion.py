"""Promotion: may a candidate replace the model in service? A pure function of how both did on the same images."""

from dataclasses import dataclass

from scipy.stats import binom


@dataclass(frozen=True)
class Trial:
    """How one model did on good parts that it was not trained on, and on defects forged on them.

    `good_rejected` of `good` and `forged_accepted` of `forged` are counted at the model's own threshold, which promises
    to reject `promised_false_reject_rate` of good parts; `image_auroc` and `pixel_ap`, 0..1, do not depend on it.
    """

    good: int
    good_rejected: int
    forged: int
    forged_accepted: int
    image_auroc: float
    pixel_ap: float
    promised_false_reject_rate: float


@dataclass(frozen=True)
class Margins:
    """By how much a candidate may be worse and still count as not worse: the scatter between two equal trainings.

    `forged_accepted` is a share of images, and one image more is always allowed. `least_image_auroc` binds a
    candidate even where nothing is in service: below it a model has learned nothing. Good parts rejected may be as many
    as the candidate's promise makes likely, in all but 1 - `confidence` of cases. They are not compared with those of
    the model in service alone: logged good parts are the ones that it let pass, so it rejects next to none of them.
    """

    image_auroc: float = 0.01
    pixel_ap: float = 0.02
    forged_accepted: float = 0.03
    confidence: float = 0.99
    least_image_auroc: float = 0.7


@dataclass(frozen=True)
class Promotion:
    """The verdict on a candidate; `reasons` says in plain sentences what decided it."""

    promoted: bool
    reasons: tuple[str, ...]


def judge(candidate: Trial, in_service: Trial | None, margins: Margins = Margins()) -> Promotion:
    """Promote a candidate that is not worse in any of the four measures. `in_service` is None before the first model.

    Raises ValueError for trials on different sets, or on none.
    """
    if not candidate.good or not candidate.forged:
        raise ValueError("a trial needs good and forged images")
    if in_service is not None and (candidate.good, candidate.forged) != (in_service.good, in_service.forged):
        raise ValueError("both models must be tried on the same images")
    against = _too_weak(candidate, margins) + _rejects_too_many(candidate, in_service, margins)
    if in_service is not None:
        against += _worse(candidate, in_service, margins)
    if against:
        return Promotion(False, tuple(against))
    if in_service is None:
        return Promotion(True, ("No sound model is in service, and this one tells forged defects from good parts.",))
    return Promotion(True, ("It is not worse than the model in service in any of the four measures.",))


def _too_weak(candidate: Trial, margins: Margins) -> list[str]:
    if candidate.image_auroc >= margins.least_image_auroc:  # false for NaN, too
        return []
    return [f"Image AUROC on forged defects is {candidate.image_auroc:.3f}, below {margins.least_image_auroc:.3f}."]


def _rejects_too_many(candidate: Trial, in_service: Trial | None, margins: Margins) -> list[str]:
    promised = candidate.promised_false_reject_rate
    likely = int(binom.ppf(margins.confidence, candidate.good, promised))
    if candidate.good_rejected <= max(likely, in_service.good_rejected if in_service else 0):
        return []
    rejected = f"{candidate.good_rejected} of {candidate.good}"
    return [f"Good parts rejected: {rejected}, its promise of {promised:.2%} makes {likely} likely at most."]


def _worse(candidate: Trial, in_service: Trial, margins: Margins) -> list[str]:
    scores = (
        ("Image AUROC on forged defects", candidate.image_auroc, in_service.image_auroc, margins.image_auroc),
        ("Pixel AP on forged defects", candidate.pixel_ap, in_service.pixel_ap, margins.pixel_ap),
    )
    against = [f"{name} is {new:.3f}, in service {old:.3f}." for name, new, old, m in scores if not new >= old - m]
    new, old, total = candidate.forged_accepted, in_service.forged_accepted, candidate.forged
    if new > old + max(1.0, margins.forged_accepted * total):
        against.append(f"Forged defects accepted: {new} of {total}, in service {old}.")
    return against
