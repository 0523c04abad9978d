import math
from dataclasses import replace

import pytest
import torch

from line_inspector.model.adps import ADPS, Architecture
from line_inspector.model.novelty import Novelty, as_logits

CHANNELS = (3, 4, 5, 6)
TINY = Architecture(image_size_px=64, patches_per_side=2, segmentation_widths=(8, 8, 8), prototypes=4, novelty=4)


def _stages(count: int = 2) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(count, channels, 16 >> stage, 16 >> stage) for stage, channels in enumerate(CHANNELS)]


@pytest.mark.parametrize(("stages", "scales"), [(1, 1), (2, 1), (3, 1), (4, 2)])
def test_a_scale_for_each_pair_of_stages_but_the_shallowest(stages: int, scales: int) -> None:
    novelty = Novelty(7, CHANNELS[:stages])
    assert novelty(_stages()[:stages]).shape == (2, scales, *(2 * [16 if stages == 1 else 8]))


def test_a_neighbourhood_that_good_parts_have_shown_is_not_novel_and_others_are() -> None:
    novelty, stages = Novelty(128, CHANNELS), _stages()
    for scale in novelty.scales:
        rows = scale.neighbourhoods(stages)[0].flatten(1).T
        scale.centres.copy_(rows.repeat(128 // len(rows), 1)[:128])
    seen, unseen = novelty(stages)
    assert seen.max() < 0.01 < unseen.min()


def test_an_image_is_not_compared_with_itself() -> None:
    novelty, stages = Novelty(128, CHANNELS[:3]), _stages()
    (scale,) = novelty.scales
    scale.centres.copy_(scale.neighbourhoods(stages).permute(0, 2, 3, 1).flatten(0, 2))
    scale.sources.copy_(torch.arange(2).repeat_interleave(64))
    assert novelty(stages).max() < 0.01
    assert novelty(stages, torch.tensor([0, 1])).min() > 0.01
    assert novelty(stages, torch.tensor([1, 0])).max() < 0.01


def test_of_a_part_of_the_maps_it_says_what_it_says_of_the_whole() -> None:
    novelty, stages = Novelty(7, CHANNELS[:3]), _stages()
    part = novelty(stages, crop=lambda maps: maps[:, :, 2:6, 1:5])
    assert torch.allclose(part, novelty(stages)[:, :, 2:6, 1:5], atol=1e-5)


def test_what_it_adds_to_a_logit_is_the_deviation_when_small_and_bounded_when_large() -> None:
    novelty = torch.tensor([0.01, -0.01, 1e6, -1e6]).view(4, 1, 1, 1)
    assert as_logits(novelty, 2.0).flatten().tolist() == pytest.approx([0.01, -0.01, 2.0, -2.0], abs=1e-4)
    both = as_logits(torch.tensor([1e6, 0.0]).view(1, 2, 1, 1), 2.0)
    assert both.flatten().tolist() == [1.0]
    assert not as_logits(novelty, 0.0).any()


@pytest.mark.parametrize(("most", "added"), [(2.0, 2 * math.tanh(1.5)), (0.0, 0.0)])
def test_the_map_is_what_was_learned_and_what_was_measured(most: float, added: float) -> None:
    torch.manual_seed(0)
    model = ADPS(replace(TINY, sigma_px=0.0, novelty_logits=most, likeness=0.0)).eval()
    assert model.novelty is not None
    for scale in model.novelty.scales:
        scale.mean.fill_(-3e6)
        scale.deviation.fill_(1e6)  # a novelty of 3 everywhere
    images = model.normalise(torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8))
    with torch.inference_mode():
        learned = model(images).logits
        measured = model.anomaly_map(images).logit() - (learned[:, 1] - learned[:, 0])
    assert measured.flatten().tolist() == pytest.approx([added] * measured.numel(), abs=1e-3)


def test_the_map_is_shared_among_places_that_look_alike() -> None:
    torch.manual_seed(0)
    model = ADPS(replace(TINY, sigma_px=0.0, likeness=0.0)).eval()
    assert model.novelty is not None
    model.novelty.scales[0].mean.fill_(10.0)
    images = model.normalise(torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8))
    with torch.inference_mode():
        alone = model.anomaly_map(images).logit()
        model.architecture = replace(model.architecture, likeness=100.0)  # with which everything is alike
        shared = model.anomaly_map(images).logit()
    coarse_alone, coarse_shared = (torch.nn.functional.avg_pool2d(logits, 8) for logits in (alone, shared))
    assert coarse_shared.std() < 0.6 * coarse_alone.std()
