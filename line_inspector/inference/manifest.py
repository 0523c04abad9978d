"""The manifest of a model directory: what the model is, how it was made, and the sha256 of every file beside it."""

import math
from typing import Any, TypeVar

import msgspec

from line_inspector.inference.scale import AS_IT_IS, LIMIT, ScoreScale
from line_inspector.inference.view import WHOLE, View

FORMAT_VERSION = 1

T = TypeVar("T", bound=msgspec.Struct)


class Preprocessing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a frame becomes the model's input (see preprocess.py); recorded, and compared when a model is read."""

    size_px: int
    colour_order: str
    resize: str
    view: View = WHOLE


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Contents of manifest.json.

    `scale` brings the network's scores to the stable scale, on which all other numbers are: `threshold` is an image
    score in 0..1: a part whose score reaches it is rejected; a pixel that reaches `pixel_threshold` is outlined.
    A model without the two is one whose own scores count. `architecture` holds the fields of
    `line_inspector.model.adps.Architecture`. `calibration`, `lineage` and `metrics` are records for people and for
    promotion; their keys belong to whoever wrote them. `files` maps a path relative to the directory, with forward
    slashes, to its sha256 in hexadecimal. `created_utc` is ISO 8601.
    """

    format_version: int
    version: str
    created_utc: str
    architecture: dict[str, Any]
    preprocessing: Preprocessing
    threshold: float
    pixel_threshold: float = LIMIT
    scale: ScoreScale = AS_IT_IS
    calibration: dict[str, Any]
    lineage: dict[str, Any]
    metrics: dict[str, Any]
    files: dict[str, str]

    def __post_init__(self) -> None:
        for threshold in (self.threshold, self.pixel_threshold):
            if not math.isfinite(threshold) or not 0.0 <= threshold <= 1.0:
                raise ValueError(f"the threshold must lie in 0..1, got {threshold}")


class _FormatOnly(msgspec.Struct):
    format_version: int


def encode_manifest(manifest: msgspec.Struct) -> bytes:
    """Encode as indented JSON, keys in the order of the fields."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode_manifest(text: bytes) -> Manifest:
    """Decode manifest.json. Raises ValueError, in one line, for anything but a manifest of this format version."""
    return decode_versioned(text, Manifest, FORMAT_VERSION)


def decode_versioned(text: bytes, kind: type[T], format_version: int) -> T:
    """Decode JSON that says its own format version. Raises ValueError, in one line, for any other version or kind."""
    written_as = msgspec.json.decode(text, type=_FormatOnly).format_version
    if written_as != format_version:
        raise ValueError(f"it has format version {written_as}, this program reads {format_version}")
    return msgspec.json.decode(text, type=kind)
