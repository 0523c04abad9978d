from collections.abc import Callable
from pathlib import Path

import pytest
from exported import ExportedModel

from line_inspector.inference.load import load_verified_openvino_engine


@pytest.fixture(scope="session")
def exported_model(tmp_path_factory: pytest.TempPathFactory, write_tiny_model: Callable[..., Path]) -> ExportedModel:
    folder = tmp_path_factory.mktemp("exported")
    model_dir = write_tiny_model(folder / "v7", version="v7")
    load_verified_openvino_engine(model_dir, folder / "exports", threads=1)
    return ExportedModel(model_dir, folder / "exports")
