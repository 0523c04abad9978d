from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from exported import ExportedModel

from line_inspector.inference.export_cache import ExportCache


@pytest.fixture(scope="session")
def exported_model(tmp_path_factory: pytest.TempPathFactory, write_tiny_model: Callable[..., Path]) -> ExportedModel:
    folder = tmp_path_factory.mktemp("exported")
    model_dir = write_tiny_model(folder / "v7", version="v7")
    ExportCache(folder / "exports", required=True).make(model_dir, "v7")
    return ExportedModel(model_dir, folder / "exports")


@pytest.fixture
def frames(draw_frame: Callable[..., np.ndarray]) -> list[np.ndarray]:
    """Mono and colour, of the model's size and of others."""
    colour = np.dstack([draw_frame(seed, 64, 64) for seed in (5, 6, 7)])
    return [draw_frame(0), draw_frame(1, 200, 30), colour, draw_frame(2, 64, 64)]
