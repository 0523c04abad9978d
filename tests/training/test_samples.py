from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from line_inspector.errors import InputError
from line_inspector.model.forging import Forger
from line_inspector.training.samples import Sampler
from line_inspector.training.splits import different, split_good_images
from line_inspector.training.team import Team

PIXELS = np.random.default_rng(0).integers(100, 150, (6, 64, 64, 3), dtype=np.uint8)


def _sampler(seed: int = 0, forger: Forger | None = None) -> Sampler:
    return Sampler(PIXELS, forger or Forger(list(PIXELS)), batch_size=4, seed=seed)


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    first, again = _sampler().batch(7), _sampler().batch(7)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.masks, again.masks)
    assert not torch.equal(first.images, _sampler().batch(8).images)
    assert not torch.equal(first.images, _sampler(seed=1).batch(7).images)


def test_batches_forged_ahead_are_the_same_in_the_same_order() -> None:
    ahead = _sampler().ahead()
    for step, batch in enumerate(islice(ahead, 5)):
        assert torch.equal(batch.images, _sampler().batch(step).images)
    ahead.close()


def test_the_parts_of_a_team_are_the_batch_that_one_process_draws() -> None:
    parts = [replace(_sampler(), part=Team(rank, 2).part(4)) for rank in range(2)]
    together = torch.cat([sampler.batch(5).images for sampler in parts])
    assert torch.equal(together, _sampler().batch(5).images)
    assert [sampler.places(5) for sampler in parts] == [range(20, 22), range(22, 24)]
    with pytest.raises(InputError, match="3 images cannot be shared out evenly among 2 processes"):
        Team(0, 2).part(3)


def test_batches_go_on_where_an_interrupted_training_stopped() -> None:
    ahead = _sampler().ahead(7)
    assert torch.equal(next(ahead).images, _sampler().batch(7).images)
    ahead.close()


def test_every_image_comes_once_per_epoch() -> None:
    sampler = _sampler(forger=Forger(list(PIXELS), forged_share=0.0, turned_share=0.0))
    seen = torch.cat([sampler.batch(step).images for step in range(3)])  # 3 x 4 = two epochs of 6
    counts = [sum(bool((image.permute(1, 2, 0).numpy() == good).all()) for image in seen) for good in PIXELS]
    assert counts == [2] * 6


def test_a_batch_says_which_image_each_of_its_images_was() -> None:
    sampler = _sampler(forger=Forger(list(PIXELS), forged_share=0.0, turned_share=0.0))
    batch = sampler.batch(3)
    assert np.array_equal(batch.images.permute(0, 2, 3, 1).numpy(), PIXELS[batch.sources.numpy()])


def test_shapes_and_types() -> None:
    batch = _sampler().batch(0)
    assert batch.images.shape == (4, 3, 64, 64)
    assert batch.images.dtype == torch.uint8
    assert batch.masks.shape == (4, 1, 64, 64)
    assert set(batch.masks.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("count", [8, 31, 100, 761])
def test_no_image_does_two_jobs(count: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    split = split_good_images(pixels, held_out_share=0.2, choice_share=0.25, for_calibration=2)
    assert sorted([*split.train, *split.choice, *split.calibration]) == list(range(count))
    assert len(split.choice) >= 2
    assert len(split.calibration) >= 2
    assert len(split.train) >= count // 2
    assert count < 100 or len(split.choice) + len(split.calibration) == pytest.approx(0.2 * count, rel=0.4)


def test_an_image_keeps_its_job_when_others_come_and_go() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (400, 4, 4, 3), dtype=np.uint8)
    first, later = split_good_images(pixels[:300], 0.2, 0.25, 20), split_good_images(pixels[100:], 0.2, 0.25, 20)
    shared = range(100, 300)
    for then, now in zip(first, later, strict=True):
        assert {i for i in then if i in shared} == {i + 100 for i in now if i + 100 in shared}


def test_a_picture_that_comes_twice_does_one_job() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (50, 4, 4, 3), dtype=np.uint8).repeat(4, axis=0)
    split = split_good_images(pixels, 0.2, 0.25, 2)
    assert all({i // 4 for i in part}.isdisjoint({i // 4 for i in split.train}) for part in split[1:])
    assert different(list(pixels)) == list(range(0, 200, 4))
    assert different(list(pixels), besides=list(pixels[:8])) == list(range(8, 200, 4))


@pytest.mark.parametrize(("count", "for_calibration"), [(8, 2), (31, 13), (108, 49), (200, 49)])
def test_as_many_are_held_out_as_the_promise_takes_and_never_more_than_half(count: int, for_calibration: int) -> None:
    for seed in range(20):
        pixels = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
        split = split_good_images(pixels, 0.2, 0.25, for_calibration)
        assert len(split.calibration) >= for_calibration
        assert len(split.choice) >= 2
        assert len(split.train) >= count / 2
        assert sorted([*split.train, *split.choice, *split.calibration]) == list(range(count))


def test_what_a_growing_set_trains_on_stays_trained_on() -> None:
    """A picture that the parent learned must not set its child's limit."""
    pixels = np.random.default_rng(4).integers(0, 256, (600, 4, 4, 3), dtype=np.uint8)
    trained: set[int] = set()
    for count in (110, 150, 250, 400, 600):
        split = split_good_images(pixels[:count], 0.2, 0.25, 49)
        assert len(trained & set(split.calibration)) <= 1  # more images need more to choose with
        trained |= set(split.train)
