"""From a model directory to an export that may be trusted: written, read back, and compared with torch before it is."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from line_inspector.errors import InputError
from line_inspector.extras import import_extra
from line_inspector.inference.export_directory import FORMAT_VERSION, FORMATS, ExportManifest, Format
from line_inspector.inference.graph import capture
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.manifest import encode_manifest
from line_inspector.inference.model_directory import read_golden, read_model_directory
from line_inspector.inference.parity import TOLERANCE, Parity, compare, parity_pixels
from line_inspector.inference.signed_directory import refuse_existing, sha256, whole_or_not_at_all, write_manifest
from line_inspector.model.adps import ADPS

STAY = "Nothing was written; use the model with torch."


def write_export(model_dir: Path, path: Path, form: str, tolerance: float = TOLERANCE) -> ExportManifest:
    """Export a model into the new folder `path`, whole or not at all, and return the export's manifest.

    `form` is a key of FORMATS. Raises InputError where the model cannot be trusted or captured, `path` exists, a
    package is missing, or the export's scores or maps differ from torch's by more than `tolerance`.
    """
    refuse_existing(path)
    if form not in FORMATS:
        raise InputError(f"unknown format {form!r}", "format", f"Name one of {', '.join(FORMATS)}.")
    chosen = FORMATS[form]
    for package in chosen.packages:
        import_extra(package, form)
    load_verified_engine(model_dir, "cpu")  # torch on this machine gives the scores that were recorded
    model, manifest = read_model_directory(model_dir)
    pixels = parity_pixels([frame for frame, _ in read_golden(model_dir)], model.architecture.image_size_px)
    with whole_or_not_at_all(path) as folder:
        _convert(chosen, model, folder, path)
        content = {name: (folder / name).read_bytes() for name in chosen.files}
        try:
            parity = compare(model, chosen.load(content, torch.get_num_threads()), pixels)
        except ValueError as e:
            raise InputError(f"it does not answer as torch does: {e}", str(path), STAY) from e
        _require(parity, tolerance, path)
        written = ExportManifest(
            format_version=FORMAT_VERSION,
            format=form,
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            model=manifest,
            tolerance=tolerance,
            parity=parity,
            made_with={package: version(package) for package in ("torch", *chosen.packages)},
            files={name: sha256(each) for name, each in content.items()},
        )
        write_manifest(folder, encode_manifest(written))
    return written


def _convert(chosen: Format, model: ADPS, folder: Path, path: Path) -> None:
    try:
        chosen.write(capture(model), folder)
    except (RuntimeError, ValueError) as e:  # torch and the converters report what they cannot translate as these
        reason = (str(e).splitlines() or [type(e).__name__])[0]
        raise InputError(f"this model cannot be exported: {reason}", str(path), STAY) from e


def _require(parity: Parity, tolerance: float, path: Path) -> None:
    if not parity.within(tolerance):
        what = f"it does not answer as torch does: {parity.sentence()}; the tolerance is {tolerance:.1e}"
        raise InputError(what, str(path), STAY)
