"""A model for another runtime, on disk, every byte hashed; export.py writes it, this reads it.

EXPORT_DIR/
  model.onnx, or model.xml and model.bin   the graph: uint8 RGB (B, 3, S, S) in, maps (B, S, S) out, B of any size
  manifest.json                            the model's own manifest, the parity that was measured, sha256 of each file
  manifest.sha256                          the manifest's own sha256, in the format of sha256sum
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from torch.export import ExportedProgram

from line_inspector.errors import InputError
from line_inspector.inference import onnx_export, openvino_export
from line_inspector.inference.manifest import Manifest, decode_versioned
from line_inspector.inference.parity import Parity
from line_inspector.inference.signed_directory import MANIFEST, SignedDirectory
from line_inspector.inference.torch_engine import Forward

FORMAT_VERSION = 1
EXPORT_AGAIN = "Export the model again."


@dataclass(frozen=True)
class Format:
    """How one format is written, and loaded from verified bytes on a number of CPU threads."""

    files: tuple[str, ...]
    packages: tuple[str, ...]
    write: Callable[[ExportedProgram, Path], None]
    load: Callable[[Mapping[str, bytes], int], Forward]


FORMATS = {
    "onnx": Format(onnx_export.FILES, onnx_export.PACKAGES, onnx_export.write, onnx_export.load),
    "openvino": Format(openvino_export.FILES, openvino_export.PACKAGES, openvino_export.write, openvino_export.load),
}


class ExportManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Contents of an export's manifest.json.

    `format` is a key of FORMATS. `model` is the whole manifest of the model: version, threshold, sizes, and what the
    files of its directory were; `parity` stayed within `tolerance`. `made_with` names packages and their versions,
    `files` maps each file to its sha256 in hexadecimal. `created_utc` is ISO 8601.
    """

    format_version: int
    format: str
    created_utc: str
    model: Manifest
    tolerance: float
    parity: Parity
    made_with: dict[str, str]
    files: dict[str, str]


def read_export(path: Path, threads: int) -> tuple[Forward, ExportManifest]:
    """Read an export after checking the sha256 of every file: its way from pixels to maps, and its manifest.

    Raises InputError, naming the file, for a missing, unknown, truncated or changed one, and where the packages that
    run this format are not installed.
    """
    folder = SignedDirectory(path, "export", EXPORT_AGAIN)
    text = folder.manifest_text()
    try:
        manifest = decode_versioned(text, ExportManifest, FORMAT_VERSION)
        form = FORMATS[manifest.format]
    except (ValueError, KeyError) as e:
        where = str(path / MANIFEST)
        raise InputError(f"not a manifest of an export this program can use: {e}", where, EXPORT_AGAIN) from e
    content = folder.verify(manifest.files, keep=form.files)
    try:
        return form.load(content, threads), manifest
    except RuntimeError as e:  # OpenVINO, for a file of a version that it does not read
        reason = (str(e).splitlines() or [type(e).__name__])[0]
        raise InputError(f"cannot be loaded here: {reason}", str(path), EXPORT_AGAIN) from e
