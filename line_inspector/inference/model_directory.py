"""A model on disk: weights.safetensors, manifest.json, golden frames. Every byte is hashed, nothing is pickled.

MODEL_DIR/
  weights.safetensors   the whole state of the model, the teacher and the normalisation included
  golden/00.png ...     a few good frames, and golden/scores.json with the scores they had when it was written
  calibration/000.png   good parts, as the model sees them, by which thresholds are set; handed on to every retraining
  foreground.png        white where an anomaly counts, in the region of interest; only where the view has a foreground
  report.html           how the training went, for people
  manifest.json         what the model is, and the sha256 of each file above
  manifest.sha256       the manifest's own sha256, in the format of sha256sum
"""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.images import read_image
from line_inspector.inference.manifest import (
    FORMAT_VERSION,
    Manifest,
    Preprocessing,
    decode_manifest,
    encode_manifest,
)
from line_inspector.inference.payload import CALIBRATION, FOREGROUND, GOLDEN_SCORES, WEIGHTS, write_payload
from line_inspector.inference.preprocess import COLOUR_ORDER, RESIZE
from line_inspector.inference.scale import AS_IT_IS, LIMIT, ScoreScale
from line_inspector.inference.signed_directory import (
    MANIFEST,
    SignedDirectory,
    partial_of,
    refuse_existing,
    whole_or_not_at_all,
    write_manifest,
)
from line_inspector.inference.tiling import Mask, Tiling
from line_inspector.inference.view import WHOLE
from line_inspector.model.adps import ADPS
from line_inspector.model.architecture import Architecture
from line_inspector.model.backbones import UNFIT

TAKE_ANOTHER = "Train it again, or take the model directory from where it came from."


def write_model_directory(
    path: Path,
    model: ADPS,
    *,
    threshold: float,
    pixel_threshold: float = LIMIT,
    scale: ScoreScale = AS_IT_IS,
    golden_frames: Sequence[NDArray[np.uint8]],
    version: str | None = None,
    calibration: dict[str, Any],
    lineage: dict[str, Any],
    metrics: dict[str, Any],
    calibration_frames: Sequence[NDArray[np.uint8]] = (),
    report: bytes = b"",
    tiling: Tiling | None = None,
) -> Manifest:
    """Write `model` into the new folder `path`, whole or not at all, and return its manifest.

    `golden_frames` are raw camera frames, uint8 (H, W) or BGR (H, W, 3); their scores are computed here, in fp32 on
    the model's device, on the stable scale that `scale` makes, as both thresholds are. `calibration_frames` are images
    as the model sees them, uint8 RGB (H, W, 3) of `tiling`'s region: what the model looks at, the whole frame unless
    told. `version` defaults to the time of writing. `report` is an HTML page. Raises InputError where `path` exists.
    """
    tiling = tiling or Tiling(WHOLE, model.architecture.image_size_px)
    with whole_or_not_at_all(path) as partial:
        files = write_payload(partial, model, tiling, scale, golden_frames, calibration_frames, report)
        written = datetime.now(UTC)
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            version=version or written.strftime("%Y%m%dT%H%M%S%fZ"),
            created_utc=written.isoformat(timespec="seconds"),
            architecture=asdict(model.architecture),
            preprocessing=Preprocessing(model.architecture.image_size_px, COLOUR_ORDER, RESIZE, tiling.view),
            threshold=threshold,
            pixel_threshold=pixel_threshold,
            scale=scale,
            calibration=calibration,
            lineage=lineage,
            metrics=metrics,
            files=files,
        )
        write_manifest(partial, encode_manifest(manifest))
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Read and check manifest.json alone. Raises InputError for a missing, changed, malformed or newer one."""
    text = _directory(path).manifest_text()
    try:
        return decode_manifest(text)
    except ValueError as e:
        raise InputError(f"not a manifest this program can use: {e}", str(path / MANIFEST), TAKE_ANOTHER) from e


def read_model_directory(path: Path) -> tuple[ADPS, Manifest]:
    """Read a model, ready to infer (eval mode, on the CPU, no gradients), after checking the sha256 of every file.

    Raises InputError, naming the file, for a missing, unknown, truncated or changed one, and for weights or an
    architecture that do not belong together.
    """
    manifest = read_manifest(path)
    mask = () if manifest.preprocessing.view.foreground == "none" else (FOREGROUND,)
    weights = _directory(path).verify(manifest.files, keep=(WEIGHTS, GOLDEN_SCORES, *mask))[WEIGHTS]
    try:
        architecture = read_architecture(manifest)
        state = safetensors.torch.load(weights)
        _require_fit(state, architecture)
        model = ADPS(architecture)
        model.load_state_dict(state, strict=True)
    except (*UNFIT, safetensors.SafetensorError) as e:
        reason = (str(e).splitlines() or [type(e).__name__])[0].rstrip(".:")
        raise InputError(f"weights and architecture do not fit: {reason}", str(path), TAKE_ANOTHER) from e
    expected = Preprocessing(architecture.image_size_px, COLOUR_ORDER, RESIZE, manifest.preprocessing.view)
    if manifest.preprocessing != expected:
        raise InputError("its preprocessing is not the one of this program", str(path / MANIFEST), TAKE_ANOTHER)
    return model.eval().requires_grad_(False), manifest


# What a model has that was written before there were these options.
NOT_YET_THERE = {"context_stride": 0, "prototypes": 0, "novelty": 0, "novelty_logits": 0.0, "likeness": 0.0}


def read_architecture(manifest: Manifest) -> Architecture:
    """Read the architecture of a manifest. Raises ValueError for unknown keys and values that cannot be."""
    unknown = manifest.architecture.keys() - {field.name for field in fields(Architecture)}
    if unknown:
        raise ValueError(f"unknown keys {', '.join(sorted(unknown))}")
    return msgspec.convert(NOT_YET_THERE | manifest.architecture, Architecture)


def read_golden(path: Path) -> list[tuple[NDArray[np.uint8], float]]:
    """Read the golden frames of a verified model directory, each with the score it must have."""
    try:
        scores = msgspec.json.decode(_directory(path).read(GOLDEN_SCORES), type=dict[str, float])
    except ValueError as e:
        raise InputError(f"not a list of scores: {e}", str(path / GOLDEN_SCORES), TAKE_ANOTHER) from e
    return [(read_image(path / "golden" / name), score) for name, score in sorted(scores.items())]


def read_tiling(path: Path) -> Tiling:
    """Read what the model of a verified directory looks at. Raises InputError for a foreground that is not one."""
    preprocessing = read_manifest(path).preprocessing
    foreground: Mask | None = None
    if preprocessing.view.foreground != "none":
        foreground = read_image(path / FOREGROUND) > 127
    try:
        return Tiling(preprocessing.view, preprocessing.size_px, foreground)
    except ValueError as e:
        raise InputError(f"not the foreground of this model: {e}", str(path / FOREGROUND), TAKE_ANOTHER) from e


def read_calibration_frames(path: Path) -> NDArray[np.uint8]:
    """Read the good parts of a verified model directory by which thresholds are set: uint8 RGB (N, H, W, 3)."""
    preprocessing = read_manifest(path).preprocessing
    height_px, width_px = preprocessing.view.region_shape(preprocessing.size_px)
    frames = np.empty((0, height_px, width_px, 3), np.uint8)
    files = sorted((path / CALIBRATION).glob("*.png"))
    read = [read_image(file) for file in files]
    for file, frame in zip(files, read, strict=True):
        if frame.shape != frames.shape[1:]:
            raise InputError(f"not a colour image of {width_px} x {height_px} px", str(file), TAKE_ANOTHER)
    return np.ascontiguousarray(np.stack(read)[..., ::-1]) if read else frames


def _require_fit(state: dict[str, torch.Tensor], architecture: Architecture) -> None:
    """Raise ValueError unless these are the weights of such a model, by name, shape and type."""
    expected = _state_without_memory(architecture)
    if state.keys() != expected.keys():
        raise ValueError(f"the weights lack {min(state.keys() ^ expected.keys())!r}, or nothing takes them")
    for name, tensor in expected.items():
        found = state[name]
        if (found.shape, found.dtype) != (tensor.shape, tensor.dtype):
            wanted = f"{tensor.dtype} {tuple(tensor.shape)}"
            raise ValueError(f"{name!r} is {found.dtype} {tuple(found.shape)}, not {wanted}")


@lru_cache(maxsize=4)  # building one takes as long as the model that is then loaded
def _state_without_memory(architecture: Architecture) -> dict[str, torch.Tensor]:
    """The state of such a model without its values, since a damaged architecture may want more memory than there is."""
    with torch.device("meta"):
        return dict(ADPS(architecture).state_dict())


def require_writable(path: Path, size_bytes: int) -> None:
    """Raise InputError now where the model directory `path` could not be written after hours of training."""
    refuse_existing(path)
    probe = partial_of(path)
    try:
        probe.mkdir(parents=True)
        free_bytes = shutil.disk_usage(probe).free
        probe.rmdir()
    except OSError as e:
        raise InputError(f"cannot be written ({e.strerror})", str(path), "Name another folder.") from e
    if free_bytes < size_bytes:
        what = f"{free_bytes / 1e6:.0f} MB are free, a model takes {size_bytes / 1e6:.0f} MB"
        raise InputError(what, str(path), "Free space, or name another folder.")


def _directory(path: Path) -> SignedDirectory:
    return SignedDirectory(path, "model directory", TAKE_ANOTHER)
