"""Thousands of damaged model directories: any change is refused; signed anew, one gives an InputError at worst."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import Damage, damages, files_below

from line_inspector.errors import InputError
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.model_directory import (
    read_calibration_frames,
    read_golden,
    read_manifest,
    read_model_directory,
    write_model_directory,
)
from line_inspector.inference.payload import GOLDEN_SCORES
from line_inspector.model.adps import ADPS
from line_inspector.model.architecture import Architecture

TINY = Architecture(
    backbone="test_resnet",
    strides=(4,),
    image_size_px=32,
    patches_per_side=2,
    segmentation_widths=(4,),
    sigma_px=0.5,
    context_stride=0,
)
CHOICE = st.integers(0, 2**16)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")  # Pillow on damaged pictures


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("fuzz") / "model"
    write_model_directory(
        path,
        ADPS(TINY).eval(),
        threshold=0.5,
        golden_frames=[rng.integers(0, 256, (40, 48), dtype=np.uint8)],
        calibration_frames=[rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)],
        version="v1",
        calibration={"images": 1},
        lineage={"parent": None},
        metrics={"forged_pixel_ap": 0.5},
    )
    return path


def hammer(examples: int, check: Callable[[Damage, int], None]) -> None:
    """Run `check` on so many damages, each with a number that chooses the file."""
    quiet = settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    quiet(given(damages(), CHOICE)(check))()


def sign(model_dir: Path, changed: Path, original: bytes) -> None:
    """Write the hashes that the changed directory must have, as somebody who means to deceive would."""
    place = model_dir / "manifest.json"
    if changed.name != "manifest.json":
        manifest = json.loads(original)
        manifest["files"][changed.relative_to(model_dir).as_posix()] = hashlib.sha256(changed.read_bytes()).hexdigest()
        place.write_text(json.dumps(manifest))
    digest = hashlib.sha256(place.read_bytes()).hexdigest()
    (model_dir / "manifest.sha256").write_text(f"{digest}  manifest.json\n")


def restore(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        path.write_bytes(content)


def test_no_changed_byte_is_ever_accepted(model_dir: Path) -> None:
    files = files_below(model_dir)
    refused = 0

    def check(damage: Damage, choice: int) -> None:
        nonlocal refused
        path = list(files)[choice % len(files)]
        content = damage.of(files[path], list(files.values()))
        if content == files[path]:
            return
        path.write_bytes(content)
        try:
            with pytest.raises(InputError) as caught:
                read_model_directory(model_dir)
        finally:
            path.write_bytes(files[path])
        assert "\n" not in str(caught.value)
        refused += 1

    hammer(8_600, check)
    assert refused > 6_000
    read_model_directory(model_dir)


@pytest.mark.parametrize("examples", [250, pytest.param(4_000, marks=pytest.mark.slow)])
def test_a_damaged_directory_with_true_hashes_ends_in_one_line_or_a_model(model_dir: Path, examples: int) -> None:
    files = files_below(model_dir)
    manifest = model_dir / "manifest.json"
    targets = [path for path in files if path.name != "manifest.sha256"] + 3 * [manifest, model_dir / GOLDEN_SCORES]

    def check(damage: Damage, choice: int) -> None:
        path = targets[choice % len(targets)]
        path.write_bytes(damage.of(files[path], list(files.values())))
        sign(model_dir, path, files[manifest])
        try:
            read_model_directory(model_dir)
            read_golden(model_dir)
            read_calibration_frames(model_dir)
        except InputError as e:
            assert "\n" not in str(e)
        finally:
            restore(files)

    hammer(examples, check)
    load_verified_engine(model_dir, "cpu")


def architecture(**changes: object) -> Callable[[dict[str, dict[str, object]]], None]:
    return lambda manifest: manifest["architecture"].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        architecture(segmentation_widths=[10**9]),
        architecture(segmentation_widths=[40_000]),  # 58 GB of weights, were they made
        architecture(sigma_px=1e308),
        architecture(sigma_px=1e6),  # a blur that takes minutes
        architecture(image_size_px=0),
        architecture(image_size_px=2**62),
        architecture(backbone="convnext_xxlarge"),
        architecture(backbone="test_resnet.no_such_tag"),
        architecture(patches_per_side=0),
    ],
)
def test_an_architecture_that_asks_for_too_much_is_refused_at_once(
    model_dir: Path, change: Callable[[dict[str, dict[str, object]]], None]
) -> None:
    files = files_below(model_dir)
    place = model_dir / "manifest.json"
    manifest = json.loads(files[place])
    change(manifest)
    place.write_text(json.dumps(manifest))
    sign(model_dir, place, files[place])
    try:
        assert read_manifest(model_dir)
        with pytest.raises(InputError):
            load_verified_engine(model_dir, "cpu")
    finally:
        restore(files)


def test_a_calibration_frame_of_another_size_is_refused_and_named(model_dir: Path) -> None:
    files = files_below(model_dir)
    place = model_dir / "calibration" / "000.png"
    place.write_bytes(files[model_dir / "golden" / "00.png"])
    sign(model_dir, place, files[model_dir / "manifest.json"])
    try:
        with pytest.raises(InputError, match=r"000\.png: not a colour image of 32 x 32 px"):
            read_calibration_frames(model_dir)
    finally:
        restore(files)


def test_scores_that_are_no_text_are_refused_and_named(model_dir: Path) -> None:
    files = files_below(model_dir)
    (model_dir / GOLDEN_SCORES).write_bytes(b'{"\xc8.png": 0.5}')
    sign(model_dir, model_dir / GOLDEN_SCORES, files[model_dir / "manifest.json"])
    try:
        with pytest.raises(InputError, match=r"scores\.json: not a list of scores"):
            read_golden(model_dir)
    finally:
        restore(files)
