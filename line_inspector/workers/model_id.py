"""Which model: not only its name, but its very bytes."""

from pathlib import Path
from typing import NamedTuple

from line_inspector.inference.signed_directory import MANIFEST, sha256


class ModelId(NamedTuple):
    """Version, and SHA-256 of manifest.json, which holds that of every other file of the model."""

    version: str
    sha256: str


NO_MODEL = ModelId("", "")


def model_id(folder: Path) -> ModelId:
    """The model in that folder, or that the link leads to; NO_MODEL where there is none."""
    try:
        folder = folder.resolve(strict=True)
        return ModelId(folder.name, sha256((folder / MANIFEST).read_bytes()))
    except OSError:
        return NO_MODEL
