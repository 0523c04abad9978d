"""A tiny model and its OpenVINO export, made once for all tests of this folder: making one takes ten seconds."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportedModel:
    """A model directory, version v7, and the folder of a line's exports of its recipe, with the model's in it."""

    model_dir: Path
    cache: Path

    @property
    def export(self) -> Path:
        return self.cache / self.model_dir.name
