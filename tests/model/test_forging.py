from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from line_inspector.model.defects import DEFECTS, Defect, foreign_body
from line_inspector.model.foreground import find_foreground, stands_out
from line_inspector.model.forging import LEAST_CHANGE, Forger
from line_inspector.model.perlin import perlin_mask, perlin_noise
from line_inspector.model.textures import PATTERNS, donor_texture, procedural_texture

SIZE_PX = 128


def _surface(seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    shade = np.linspace(90, 150, SIZE_PX)[None, :, None] + rng.normal(0, 12, (SIZE_PX, SIZE_PX, 1))
    return np.repeat(shade.clip(0, 255), 3, axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def surfaces() -> Sequence[NDArray[np.uint8]]:
    return [_surface(seed) for seed in range(4)]


@pytest.mark.parametrize(("cells_y", "cells_x"), [(1, 1), (2, 8), (32, 4)])
def test_perlin_noise_vanishes_on_its_lattice_and_stays_in_range(cells_y: int, cells_x: int) -> None:
    noise = perlin_noise(np.random.default_rng(0), SIZE_PX, cells_y, cells_x)
    assert noise.shape == (SIZE_PX, SIZE_PX)
    assert np.abs(noise).max() <= 1.5
    near_lattice = noise[:: SIZE_PX // cells_y, :: SIZE_PX // cells_x]
    assert np.abs(near_lattice).max() <= 1.5 * (cells_y + cells_x) / SIZE_PX + 1e-6
    assert noise.std() > 0.1 or (cells_y, cells_x) == (1, 1)


def test_perlin_masks_cover_some_and_not_all() -> None:
    shares = [perlin_mask(np.random.default_rng(seed), SIZE_PX).mean() for seed in range(60)]
    assert all(share > 0 for share in shares)
    assert 0.005 < np.mean(shares) < 0.4


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_fill_0_to_1(pattern: object) -> None:
    field = pattern(np.random.default_rng(3), SIZE_PX)  # type: ignore[operator]
    assert field.shape == (SIZE_PX, SIZE_PX)
    assert 0 <= field.min() <= field.max() <= 1


def test_textures_are_images(surfaces: Sequence[NDArray[np.uint8]]) -> None:
    rng = np.random.default_rng(0)
    for texture in [procedural_texture(rng, SIZE_PX), donor_texture(rng, surfaces)]:
        assert texture.shape == (SIZE_PX, SIZE_PX, 3)
        assert texture.dtype == np.uint8


DONORS = [_surface(1), _surface(2)]
KINDS = Forger(DONORS, textures=[_surface(3)]).kinds
TEXTURES: dict[str, Callable[[np.random.Generator], NDArray[np.uint8]]] = {
    "procedural": lambda rng: procedural_texture(rng, SIZE_PX),
    "donor": lambda rng: donor_texture(rng, DONORS),
}


def test_every_defect_is_a_kind_and_so_is_every_source_of_textures() -> None:
    structural = [defect.__name__.replace("_", " ") for defect in DEFECTS]
    assert len(set(structural)) == len(DEFECTS)
    assert list(KINDS) == [*structural, "procedural texture", "region of a good image", "texture of the folder"]
    assert list(Forger(DONORS).kinds) == list(KINDS)[:-1]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_changes_a_copy_and_that_mostly_within_its_mask(kind: Defect) -> None:
    image = _surface(0)
    before, seen = image.copy(), 0
    for seed in range(40):
        damaged, mask = kind(np.random.default_rng(seed), image)
        assert np.array_equal(image, before) and not np.shares_memory(image, damaged)
        assert (damaged.shape, damaged.dtype) == (image.shape, np.uint8)
        assert (mask.shape, mask.dtype) == (image.shape[:2], np.bool_)
        change = np.abs(damaged.astype(float) - image).mean(axis=2)
        if mask.any():
            seen += 1
            assert change[~mask].mean() < 0.5 * change[mask].mean()
        else:
            assert change.max() < 25  # nothing came out that somebody would see: the forger draws again
    assert seen >= 38


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_of_a_kind_the_forger_always_makes_something_that_can_be_seen(kind: Defect) -> None:
    image = _surface(0)
    changes = []
    for seed in range(40):
        damaged, mask = Forger(DONORS).forge_with(kind, np.random.default_rng(seed), image)
        assert mask.any()
        change = np.abs(damaged.astype(float) - image).mean(axis=2)
        changes.append((change[mask].mean(), change[~mask].mean()))
    inside, outside = np.mean(changes, axis=0)
    assert inside > max(LEAST_CHANGE, 4 * outside)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_is_a_function_of_its_generator_alone(kind: Defect) -> None:
    first, other = (kind(np.random.default_rng(seed), _surface(1)) for seed in (5, 6))
    np.random.seed(1)  # whatever has been drawn elsewhere in the meantime
    second = kind(np.random.default_rng(5), _surface(1))
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("texture", TEXTURES.values(), ids=TEXTURES)
def test_a_texture_is_a_new_image_and_a_function_of_its_generator(
    texture: Callable[[np.random.Generator], NDArray[np.uint8]],
) -> None:
    before = [donor.copy() for donor in DONORS]
    drawn = [texture(np.random.default_rng(seed)) for seed in (*range(20), *range(20))]
    assert all(np.array_equal(*pair) for pair in zip(drawn[:20], drawn[20:], strict=True))
    assert len({image.tobytes() for image in drawn}) == 20
    assert np.array_equal(DONORS, before)
    assert not any(np.shares_memory(image, donor) for image in drawn for donor in DONORS)


def test_a_foreign_body_throws_its_shadow_beside_itself() -> None:
    """Not onto the other side of the image, where one that lies at the border has none."""
    for seed in range(200):
        damaged, mask = foreign_body(np.random.default_rng(seed), _surface(0))
        away_px = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
        change = np.abs(damaged.astype(int) - _surface(0)).max(axis=2)
        assert change[away_px > 0.1 * SIZE_PX].max() < LEAST_CHANGE


def test_half_of_the_samples_stay_good(surfaces: Sequence[NDArray[np.uint8]]) -> None:
    forger = Forger(surfaces)
    masks = [forger.sample(np.random.default_rng(seed), surfaces[0])[1] for seed in range(200)]
    assert 75 < sum(bool(mask.any()) for mask in masks) < 125


def test_every_forgery_can_be_seen(surfaces: Sequence[NDArray[np.uint8]]) -> None:
    forger = Forger(surfaces)
    for seed in range(100):
        forged, mask = forger.forge(np.random.default_rng(seed), surfaces[0])
        assert mask.any()
        assert np.abs(forged[mask].astype(int) - surfaces[0][mask]).mean() >= LEAST_CHANGE / 3


def test_a_smear_of_a_flat_ground_is_no_defect() -> None:
    flat = np.full((SIZE_PX, SIZE_PX, 3), 120, np.uint8)
    flat[: SIZE_PX // 2] = _surface(0)[: SIZE_PX // 2]
    forger = Forger([flat], structural_share=1.0)
    for seed in range(60):
        forged, mask = forger.forge(np.random.default_rng(seed), flat)
        unchanged = (forged == flat).all(axis=2)
        assert mask.any()
        assert unchanged[mask].mean() < 0.5


def test_an_untouched_sample_is_the_image_itself_or_it_turned(surfaces: Sequence[NDArray[np.uint8]]) -> None:
    forger = Forger(surfaces, forged_share=0.0, turned_share=0.5)
    image = surfaces[0]
    turns = [np.rot90(image, turn) for turn in (-1, 0, 1)]
    seen = set()
    for seed in range(40):
        sample, mask = forger.sample(np.random.default_rng(seed), image)
        assert not mask.any()
        seen.add(next(i for i, turned in enumerate(turns) if np.array_equal(sample, turned)))
    assert seen == {0, 1, 2}


def test_texture_source_names_what_was_used(surfaces: Sequence[NDArray[np.uint8]]) -> None:
    assert "4 good images" in Forger(surfaces).texture_source
    assert "2 images of a texture folder" in Forger(surfaces, textures=surfaces[:2]).texture_source


def _on_belt(seed: int) -> NDArray[np.uint8]:
    """A textured disc on a dark ground, somewhere near the middle."""
    image = np.random.default_rng(seed).normal(40, 6, (SIZE_PX, SIZE_PX, 1)).clip(0, 255).astype(np.uint8)
    image = np.repeat(image, 3, axis=2)
    disc = _disc(seed)
    image[disc] = _surface(seed)[disc]
    return image


def _disc(seed: int) -> NDArray[np.bool_]:
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX]
    return (y - 60 - seed) ** 2 + (x - 66) ** 2 < 40**2


def test_a_product_is_found_on_a_plain_ground_and_nowhere_else(surfaces: Sequence[NDArray[np.uint8]]) -> None:
    found = find_foreground(_on_belt(3))
    assert found is not None
    assert found[_disc(3)].mean() > 0.99
    assert found[~_disc(3)].mean() < 0.1
    assert find_foreground(surfaces[0]) is None
    assert find_foreground(np.zeros((SIZE_PX, SIZE_PX, 3), np.uint8)) is None
    assert stands_out([_on_belt(seed) for seed in range(5)])
    assert not stands_out([*surfaces, _on_belt(0)])
    assert not stands_out([])


def test_defects_are_forged_on_the_product(surfaces: Sequence[NDArray[np.uint8]]) -> None:
    forger = Forger(surfaces, structural_share=0.5, on_product=True)
    for seed in range(60):
        image = _on_belt(seed % 5)
        forged, mask = forger.forge(np.random.default_rng(seed), image)
        product = find_foreground(image)
        assert product is not None and mask.any()
        assert not mask[~product].any()
        assert np.array_equal(forged[~product], image[~product])


def test_where_the_product_fills_the_frame_defects_are_forged_anywhere(surfaces: Sequence[NDArray[np.uint8]]) -> None:
    forger = Forger(surfaces, on_product=True)
    masks = [forger.forge(np.random.default_rng(seed), surfaces[0])[1] for seed in range(150)]
    assert np.any(masks, axis=0).mean() > 0.9


def test_a_mono_camera_shows_no_coloured_defect(surfaces: Sequence[NDArray[np.uint8]]) -> None:
    coloured, grey = Forger(surfaces), Forger(surfaces, mono=True)
    seen = [coloured.forge(np.random.default_rng(seed), surfaces[0])[0] for seed in range(40)]
    assert any((image != image[..., :1]).any() for image in seen)
    for seed in range(40):
        image, mask = grey.forge(np.random.default_rng(seed), surfaces[0])
        assert (image == image[..., :1]).all()
        assert mask.any()
