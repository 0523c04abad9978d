from collections.abc import Callable
from pathlib import Path

import pytest
from exported import ExportedModel

from line_inspector.inference.export_cache import ExportCache


@pytest.fixture(scope="session")
def exported_model(tmp_path_factory: pytest.TempPathFactory, write_tiny_model: Callable[..., Path]) -> ExportedModel:
    folder = tmp_path_factory.mktemp("exported")
    model_dir = write_tiny_model(folder / "v7", version="v7")
    ExportCache(folder / "exports", required=True).make(model_dir, "v7")
    return ExportedModel(model_dir, folder / "exports")
