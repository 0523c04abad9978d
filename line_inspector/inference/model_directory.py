"""A model on disk: weights.safetensors, manifest.json, golden frames. Every byte is hashed, nothing is pickled.

MODEL_DIR/
  weights.safetensors   the whole state of the model, the teacher and the normalisation included
  golden/00.png ...     a few good frames, and golden/scores.json with the scores they had when it was written
  calibration/000.png   good parts, as the model sees them, by which thresholds are set; handed on to every retraining
  manifest.json         what the model is, and the sha256 of each file above
  manifest.sha256       the manifest's own sha256, in the format of sha256sum
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
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
from line_inspector.inference.preprocess import COLOUR_ORDER, RESIZE, to_model_input
from line_inspector.model.adps import ADPS
from line_inspector.model.architecture import Architecture
from line_inspector.model.backbones import UNFIT

WEIGHTS = "weights.safetensors"
MANIFEST = "manifest.json"
MANIFEST_HASH = "manifest.sha256"
CALIBRATION = "calibration"
GOLDEN_SCORES = "golden/scores.json"
TAKE_ANOTHER = "Train it again, or take the model directory from where it came from."


def refuse_existing(path: Path) -> None:
    """Raise InputError where `path` exists: a model directory is written once and never changed."""
    if os.path.lexists(path):
        raise InputError("exists already", str(path), "Name a new folder, or remove this one first.")


def write_model_directory(
    path: Path,
    model: ADPS,
    *,
    threshold: float,
    golden_frames: Sequence[NDArray[np.uint8]],
    version: str | None = None,
    calibration: dict[str, Any],
    lineage: dict[str, Any],
    metrics: dict[str, Any],
    calibration_frames: Sequence[NDArray[np.uint8]] = (),
) -> Manifest:
    """Write `model` into the new folder `path`, whole or not at all, and return its manifest.

    `golden_frames` are raw camera frames, uint8 (H, W) or BGR (H, W, 3); their scores are computed here, in fp32 on
    the model's device. `calibration_frames` are images as the model sees them, uint8 RGB (S, S, 3). `version` defaults
    to the time of writing. Raises InputError where `path` exists.
    """
    refuse_existing(path)
    partial = path.parent / f".{path.name}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files = _write_payload(partial, model, golden_frames, calibration_frames)
        written = datetime.now(UTC)
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            version=version or written.strftime("%Y%m%dT%H%M%S%fZ"),
            created_utc=written.isoformat(timespec="seconds"),
            architecture=asdict(model.architecture),
            preprocessing=Preprocessing(model.architecture.image_size_px, COLOUR_ORDER, RESIZE),
            threshold=threshold,
            calibration=calibration,
            lineage=lineage,
            metrics=metrics,
            files=files,
        )
        _write_manifest(partial, manifest)
        partial.rename(path)
        sync(path.parent)
    except OSError as e:
        raise InputError(f"cannot be written ({e.strerror})", str(path), "Free space, or name another folder.") from e
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Read and check manifest.json alone. Raises InputError for a missing, changed, malformed or newer one."""
    if not path.is_dir():
        raise InputError("no such model directory", str(path), "Check the path.")
    text = _read(path / MANIFEST)
    if _read(path / MANIFEST_HASH) != _signature(text):
        raise InputError(f"does not match {MANIFEST_HASH}: it was changed", str(path / MANIFEST), TAKE_ANOTHER)
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
    weights = _verify_files(path, manifest)
    try:
        architecture = read_architecture(manifest)
        state = safetensors.torch.load(weights)
        _require_fit(state, architecture)
        model = ADPS(architecture)
        model.load_state_dict(state, strict=True)
    except (*UNFIT, safetensors.SafetensorError) as e:
        reason = (str(e).splitlines() or [type(e).__name__])[0].rstrip(".:")
        raise InputError(f"weights and architecture do not fit: {reason}", str(path), TAKE_ANOTHER) from e
    expected = Preprocessing(architecture.image_size_px, COLOUR_ORDER, RESIZE)
    if manifest.preprocessing != expected:
        raise InputError("its preprocessing is not the one of this program", str(path / MANIFEST), TAKE_ANOTHER)
    return model.eval().requires_grad_(False), manifest


def read_architecture(manifest: Manifest) -> Architecture:
    """Read the architecture of a manifest. Raises ValueError for unknown keys and values that cannot be."""
    unknown = manifest.architecture.keys() - {field.name for field in fields(Architecture)}
    if unknown:
        raise ValueError(f"unknown keys {', '.join(sorted(unknown))}")
    return msgspec.convert(manifest.architecture, Architecture)


def read_golden(path: Path) -> list[tuple[NDArray[np.uint8], float]]:
    """Read the golden frames of a verified model directory, each with the score it must have."""
    try:
        scores = msgspec.json.decode(_read(path / GOLDEN_SCORES), type=dict[str, float])
    except ValueError as e:
        raise InputError(f"not a list of scores: {e}", str(path / GOLDEN_SCORES), TAKE_ANOTHER) from e
    return [(read_image(path / "golden" / name), score) for name, score in sorted(scores.items())]


def read_calibration_frames(path: Path) -> NDArray[np.uint8]:
    """Read the good parts of a verified model directory by which thresholds are set: uint8 RGB (N, S, S, 3)."""
    size_px = read_manifest(path).preprocessing.size_px
    frames = np.empty((0, size_px, size_px, 3), np.uint8)
    files = sorted((path / CALIBRATION).glob("*.png"))
    read = [read_image(file) for file in files]
    for file, frame in zip(files, read, strict=True):
        if frame.shape != frames.shape[1:]:
            raise InputError(f"not a colour image of {size_px} x {size_px} px", str(file), TAKE_ANOTHER)
    return np.stack(read)[..., ::-1] if read else frames


def _require_fit(state: dict[str, torch.Tensor], architecture: Architecture) -> None:
    """Raise ValueError unless these are the weights of such a model, by name, shape and type.

    It is asked of a model without memory, since a damaged architecture may want more than there is.
    """
    with torch.device("meta"):
        expected = ADPS(architecture).state_dict()
    if state.keys() != expected.keys():
        raise ValueError(f"the weights lack {min(state.keys() ^ expected.keys())!r}, or nothing takes them")
    for name, tensor in expected.items():
        found = state[name]
        if (found.shape, found.dtype) != (tensor.shape, tensor.dtype):
            wanted = f"{tensor.dtype} {tuple(tensor.shape)}"
            raise ValueError(f"{name!r} is {found.dtype} {tuple(found.shape)}, not {wanted}")


def require_writable(path: Path, size_bytes: int) -> None:
    """Raise InputError now where the model directory `path` could not be written after hours of training."""
    refuse_existing(path)
    probe = path.parent / f".{path.name}.{os.getpid()}.partial"
    try:
        probe.mkdir(parents=True)
        free_bytes = shutil.disk_usage(probe).free
        probe.rmdir()
    except OSError as e:
        raise InputError(f"cannot be written ({e.strerror})", str(path), "Name another folder.") from e
    if free_bytes < size_bytes:
        what = f"{free_bytes / 1e6:.0f} MB are free, a model takes {size_bytes / 1e6:.0f} MB"
        raise InputError(what, str(path), "Free space, or name another folder.")


def _write_payload(
    folder: Path,
    model: ADPS,
    golden_frames: Sequence[NDArray[np.uint8]],
    calibration_frames: Sequence[NDArray[np.uint8]],
) -> dict[str, str]:
    """Write everything but the manifest; return sha256 by relative path."""
    for name in ("golden", CALIBRATION):
        (folder / name).mkdir(parents=True)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    payload = {WEIGHTS: safetensors.torch.save(state)}
    scores = {}
    for number, frame in enumerate(golden_frames):
        name = f"{number:02d}.png"
        payload[f"golden/{name}"] = cv2.imencode(".png", frame)[1].tobytes()
        scores[name] = _score(model, frame)
    payload[GOLDEN_SCORES] = msgspec.json.format(msgspec.json.encode(scores), indent=2) + b"\n"
    for number, image in enumerate(calibration_frames):
        payload[f"{CALIBRATION}/{number:03d}.png"] = cv2.imencode(".png", image[:, :, ::-1])[1].tobytes()
    for relative, content in payload.items():
        _write(folder / relative, content)
    return {relative: _sha256(content) for relative, content in payload.items()}


def _score(model: ADPS, frame: NDArray[np.uint8]) -> float:
    device = model.mean.device
    training = model.training
    model.eval()
    with torch.inference_mode():
        pixels = torch.from_numpy(to_model_input(frame, model.architecture.image_size_px))[None].to(device)
        score = float(model.anomaly_map(model.normalise(pixels)).amax())
    model.train(training)
    return score


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    text = encode_manifest(manifest)
    _write(folder / MANIFEST, text)
    _write(folder / MANIFEST_HASH, _signature(text))


def _verify_files(path: Path, manifest: Manifest) -> bytes:
    """Compare every file with its sha256 and return the bytes of the weights, so that they are read once."""
    present = {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_symlink() or not p.is_dir()}
    unknown = present - manifest.files.keys() - {MANIFEST, MANIFEST_HASH}
    if unknown:
        raise InputError("a file that the manifest does not name", str(path / min(unknown)), "Move it elsewhere.")
    for relative in (WEIGHTS, GOLDEN_SCORES):
        if relative not in manifest.files:
            raise InputError(f"it does not name {relative}", str(path / MANIFEST), TAKE_ANOTHER)
    weights = b""
    for relative, expected in manifest.files.items():
        if relative not in present:
            raise InputError("missing, though the manifest names it", str(path / relative), TAKE_ANOTHER)
        content = _read(path / relative)
        if _sha256(content) != expected:
            raise InputError("does not match its sha256: changed or truncated", str(path / relative), TAKE_ANOTHER)
        weights = content if relative == WEIGHTS else weights
    return weights


def _signature(manifest_text: bytes) -> bytes:
    return f"{_sha256(manifest_text)}  {MANIFEST}\n".encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise InputError(f"cannot be read ({e.strerror})", str(path), TAKE_ANOTHER) from e


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Bring a file or folder to the disk, so that it outlasts a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
