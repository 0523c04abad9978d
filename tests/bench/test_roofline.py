"""What the roofline is measured by."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from line_inspector.bench.roofline import measure_roofline
from line_inspector.inference.model_directory import read_manifest
from line_inspector.inference.openvino_export import matrix_product


def test_openvino_multiplies_the_matrices_that_it_is_given() -> None:
    left, right = np.random.default_rng(0).random((2, 32, 32), np.float32)
    (product,) = matrix_product(left, right, 1)().values()
    np.testing.assert_allclose(product, left @ right, rtol=1e-5)


@pytest.mark.parametrize(("runtime", "name"), [("torch", "PyTorch"), ("openvino", "OpenVINO")])
def test_an_engine_is_measured_by_what_its_own_runtime_can_do(
    write_tiny_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str, name: str
) -> None:
    manifest = read_manifest(write_tiny_model(tmp_path / "model"))
    instant = Mock(return_value=lambda: None)
    monkeypatch.setattr("line_inspector.bench.roofline.matrix_product", instant)
    roof = measure_roofline("cpu", runtime, manifest, 2, 10.0, 0.1)
    assert roof.runtime == name
    assert instant.called == (name == "OpenVINO")
    assert (roof.matrix_flops_per_s > 1e13) == instant.called, "what takes no time multiplies at a fabulous rate"
    assert roof.fraction == pytest.approx(10.0 / roof.attainable_images_per_s)
    assert roof.flops_per_image == 2 * measure_roofline("cpu", runtime, manifest, 1, 10.0, 0.1).flops_per_image
