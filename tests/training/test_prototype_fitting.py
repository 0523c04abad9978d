from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from line_inspector.model.adps import ADPS, Architecture
from line_inspector.model.prototypes import Prototypes
from line_inspector.training.prototype_fitting import fit_prototypes

TINY = Architecture(image_size_px=64, patches_per_side=4, segmentation_widths=(8, 8, 8), prototypes=16, novelty=16)


def _model(architecture: Architecture = TINY) -> ADPS:
    torch.manual_seed(0)
    return ADPS(architecture).eval()


def _stripes(count: int, period_px: int) -> NDArray[np.uint8]:
    shifts = np.arange(count)[:, None, None, None]
    wave = 128 + 90 * np.sin((np.arange(64)[None, None, :, None] + shifts) * 2 * np.pi / period_px)
    return np.broadcast_to(wave, (count, 64, 64, 3)).astype(np.uint8)


def _deviation(model: ADPS, pixels: NDArray[np.uint8]) -> float:
    """Mean length of the deviations, as a share of the features' own."""
    images = model.normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    with torch.inference_mode():
        stages = list(zip(model.teacher(images), _prototypes(model), strict=True))
        return float(torch.stack([p(t).norm() / t.norm() for t, p in stages]).mean())


def _prototypes(model: ADPS) -> list[Prototypes]:
    return [module for module in model.modules() if isinstance(module, Prototypes)]


def test_new_parts_like_the_good_ones_deviate_less_than_others() -> None:
    model = _model()
    fit_prototypes(model, _stripes(12, 8)[:9], seed=0)
    assert _deviation(model, _stripes(12, 8)[9:]) < 0.8 * _deviation(model, _stripes(3, 23))


def test_the_same_seed_gives_the_same_prototypes() -> None:
    first, second = _model(), _model()
    for model in (first, second):
        fit_prototypes(model, _stripes(6, 8), seed=3)
    for one, other in zip(_prototypes(first), _prototypes(second), strict=True):
        assert torch.equal(one.centres, other.centres) and torch.equal(one.spread, other.spread)
        assert one.centres.isfinite().all() and one.spread > 0


def test_more_prototypes_than_there_is_to_see_do_no_harm() -> None:
    model = _model(replace(TINY, prototypes=600, novelty=600))
    fit_prototypes(model, np.full((1, 64, 64, 3), 90, np.uint8), seed=0)
    assert _deviation(model, np.full((1, 64, 64, 3), 90, np.uint8)) < 0.1


def test_the_papers_weight_mask_has_none() -> None:
    model = _model(replace(TINY, prototypes=0, novelty=0))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fit_prototypes(model, _stripes(6, 8), seed=0)
    assert not _prototypes(model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_the_novelty_of_good_parts_is_nothing_on_average_and_that_of_others_is_large() -> None:
    model = _model(replace(TINY, novelty=200))
    assert model.novelty is not None
    fit_prototypes(model, _stripes(24, 8)[:16], seed=0)
    with torch.inference_mode():
        usual, other = (
            model.novelty(model.teacher(model.normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2))))
            for pixels in (_stripes(24, 8)[16:], _stripes(8, 23))
        )
    assert usual.shape == (8, 2, 8, 8)
    assert abs(float(usual.mean())) < 1.0 < float(other.mean())


def test_a_training_image_is_as_novel_as_one_that_comes_later() -> None:
    model = _model(replace(TINY, novelty=300))
    assert model.novelty is not None
    rng = np.random.default_rng(0)
    shown, later = rng.integers(0, 256, (2, 8, 64, 64, 3), dtype=np.uint8)
    fit_prototypes(model, shown, seed=0)
    with torch.inference_mode():
        stages = [model.teacher(model.normalise(torch.from_numpy(each).permute(0, 3, 1, 2))) for each in (shown, later)]
        as_themselves = float(model.novelty(stages[0]).mean())
        as_others = float(model.novelty(stages[0], torch.arange(8)).mean())
        of_later = float(model.novelty(stages[1]).mean())
    assert as_themselves < -1.0
    assert abs(as_others) < 0.5 and abs(of_later) < 0.5


def test_the_only_image_there_is_is_compared_with_itself() -> None:
    model = _model()
    assert model.novelty is not None
    fit_prototypes(model, _stripes(1, 8), seed=0)
    with torch.inference_mode():
        stages = model.teacher(model.normalise(torch.from_numpy(_stripes(1, 8)).permute(0, 3, 1, 2)))
        assert model.novelty(stages, torch.zeros(1, dtype=torch.int64)).isfinite().all()
