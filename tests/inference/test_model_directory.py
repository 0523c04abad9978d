"""A model directory is written whole or not at all, and read only when every byte is the one that was written."""

import hashlib
import json
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from line_inspector.errors import InputError
from line_inspector.inference.model_directory import (
    read_architecture,
    read_golden,
    read_manifest,
    read_model_directory,
    write_model_directory,
)

FILES = [
    "weights.safetensors",
    "manifest.json",
    "manifest.sha256",
    "golden/00.png",
    "golden/01.png",
    "golden/scores.json",
]


@pytest.fixture
def model_dir(tmp_path: Path, write_tiny_model: Callable[..., Path]) -> Path:
    return write_tiny_model(tmp_path / "model", version="v1")


def rewrite_manifest(model_dir: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Change the manifest and sign it anew, as somebody editing by hand would."""
    manifest = json.loads((model_dir / "manifest.json").read_text())
    change(manifest)
    text = json.dumps(manifest).encode()
    (model_dir / "manifest.json").write_bytes(text)
    (model_dir / "manifest.sha256").write_text(f"{hashlib.sha256(text).hexdigest()}  manifest.json\n")


def test_what_is_read_is_what_was_written(model_dir: Path, build_tiny_model: Callable[..., torch.nn.Module]) -> None:
    model, manifest = read_model_directory(model_dir)
    written = build_tiny_model().state_dict()
    read = model.state_dict()
    assert read.keys() == written.keys()
    assert all(torch.equal(read[name], written[name]) for name in written)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert manifest.version == "v1"
    assert manifest.threshold == 0.5
    assert manifest.lineage == {"parent": None, "seed": 0}
    assert sorted(manifest.files) == sorted(set(FILES) - {"manifest.json", "manifest.sha256"})


def test_golden_frames_keep_their_pixels_and_scores(model_dir: Path, draw_frame: Callable[..., np.ndarray]) -> None:
    golden = read_golden(model_dir)
    assert np.array_equal(golden[0][0], draw_frame(1))
    assert np.array_equal(golden[1][0], np.dstack([draw_frame(2), draw_frame(3), draw_frame(4)]))
    assert all(0.0 < score < 1.0 for _, score in golden)
    assert golden[0][1] != golden[1][1]


def test_nothing_in_it_is_pickled(model_dir: Path) -> None:
    for path in model_dir.rglob("*"):
        assert path.suffix in ("", ".png", ".json", ".safetensors", ".sha256")
        if path.is_file():
            assert not path.read_bytes().startswith((b"\x80", b"PK"))  # a pickle, and torch.save's zip of pickles


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.5, 0.99])
def test_a_flipped_byte_anywhere_is_refused_in_one_line(model_dir: Path, name: str, place: float) -> None:
    content = bytearray((model_dir / name).read_bytes())
    position = int(place * (len(content) - 1))
    content[position] ^= 0x01
    (model_dir / name).write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_model_directory(model_dir)
    assert "\n" not in str(refused.value)
    assert "model" in refused.value.where


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_truncated_file_is_refused_and_named(model_dir: Path, name: str) -> None:
    content = (model_dir / name).read_bytes()
    (model_dir / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError):
        read_model_directory(model_dir)
    (model_dir / name).unlink()
    with pytest.raises(InputError, match=Path(name).name):
        read_model_directory(model_dir)


def test_an_unknown_file_is_refused_and_named(model_dir: Path) -> None:
    (model_dir / "golden" / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match=r"notes\.txt"):
        read_model_directory(model_dir)


def test_a_linked_folder_is_refused(model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (model_dir / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="more"):
        read_model_directory(model_dir)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.update(format_version=2), "format version 2"),
        (lambda m: m.update(threshold=float("nan")), "manifest"),
        (lambda m: m.update(threshold=1.5), "0..1"),
        (lambda m: m.update(pixel_threshold=-0.1), "0..1"),
        (lambda m: m["scale"].update(limit=0.0), "limit"),
        (lambda m: m["scale"].update(limit="0.5"), "limit"),
        (lambda m: m.update(threshold="0.5"), "threshold"),
        (lambda m: m.pop("threshold"), "threshold"),
        (lambda m: m.update(surprise=1), "surprise"),
        (lambda m: m["architecture"].update(depth=3), "depth"),
        (lambda m: m["architecture"].update(backbone="no_such_network"), "no_such_network"),
        (lambda m: m["architecture"].update(image_size_px=65), "65"),
        (lambda m: m["architecture"].update(segmentation_widths=[64, 16]), "do not fit"),
        (lambda m: m["preprocessing"].update(colour_order="BGR"), "preprocessing"),
        (lambda m: m["files"].update({"../outside": "0" * 64}), "outside"),
        (lambda m: m["files"].pop("weights.safetensors"), "weights.safetensors"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    model_dir: Path, change: Callable[[dict[str, object]], None], says: str
) -> None:
    rewrite_manifest(model_dir, change)
    with pytest.raises(InputError) as refused:
        read_model_directory(model_dir)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_model_from_before_an_option_is_read_as_what_it_was(model_dir: Path) -> None:
    added = ("context_stride", "prototypes", "novelty", "novelty_logits", "likeness")
    rewrite_manifest(model_dir, lambda m: [m["architecture"].pop(name) for name in added])
    architecture = read_architecture(read_manifest(model_dir))
    assert [getattr(architecture, name) for name in added] == [0, 0, 0, 0, 0]


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model directory"):
        read_manifest(tmp_path / "nothing")


def test_an_existing_folder_is_never_overwritten(model_dir: Path, write_tiny_model: Callable[..., Path]) -> None:
    before = {path: path.read_bytes() for path in model_dir.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="exists already"):
        write_tiny_model(model_dir)
    assert before == {path: path.read_bytes() for path in model_dir.rglob("*") if path.is_file()}


def test_a_failed_writing_leaves_nothing(tmp_path: Path, build_tiny_model: Callable[..., object]) -> None:
    with pytest.raises(InputError, match="8-bit"):
        write_model_directory(
            tmp_path / "model",
            build_tiny_model(),
            threshold=0.5,
            golden_frames=[np.zeros((64, 64), np.uint16)],
            calibration={},
            lineage={},
            metrics={},
        )
    assert list(tmp_path.iterdir()) == []


def test_a_threshold_that_is_no_number_is_not_written(tmp_path: Path, build_tiny_model: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="threshold"):
        write_model_directory(
            tmp_path / "model",
            build_tiny_model(),
            threshold=float("nan"),
            golden_frames=[],
            calibration={},
            lineage={},
            metrics={},
        )
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_no_more_ends_in_one_line_and_leaves_nothing(
    tmp_path: Path, write_tiny_model: Callable[..., Path]
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # writing past it fails as a full disk does
    try:
        with pytest.raises(InputError, match="cannot be written"):
            write_tiny_model(tmp_path / "model")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_copied_model_directory_is_as_good(model_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(model_dir, tmp_path / "copy")
    assert read_model_directory(tmp_path / "copy")[1] == read_model_directory(model_dir)[1]
