"""What a CUDA graph captures must neither mix in a tensor of the host nor wait for a number: torch's fake GPU tells."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from line_inspector.inference.answer_rows import ROW_BYTES, pack
from line_inspector.inference.device_input import DeviceInput
from line_inspector.inference.device_network import Precision, device_network
from line_inspector.inference.scale import ScoreScale
from line_inspector.inference.tiling import Tiling
from line_inspector.inference.view import View
from line_inspector.model.adps import ADPS

CPU = torch.device("cpu")
GPU = torch.device("cuda", 7)  # a number of its own, as what is made for a device is kept
SIZE_PX = 64


def moved_to_gpu(model: ADPS) -> None:
    """Every parameter and every buffer, as `.to` does it, which takes no fake ones."""
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(torch.empty_like(parameter, device=GPU), requires_grad=False)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = torch.empty_like(buffer, device=GPU)


@pytest.fixture
def gpu() -> FakeTensorMode:
    return FakeTensorMode(allow_non_fake_inputs=True)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
@pytest.mark.parametrize("frame", [(64, 64), (80, 96, 3)], ids=str)
@pytest.mark.parametrize(
    "view", [View(), View(x=0.1, width=0.8, rows=2, columns=2, foreground="file")], ids=["plain", "tiles"]
)
def test_a_batch_is_computed_on_the_gpu_alone(
    build_tiny_model: Callable[[], ADPS],
    monkeypatch: pytest.MonkeyPatch,
    gpu: FakeTensorMode,
    precision: Precision,
    frame: tuple[int, ...],
    view: View,
) -> None:
    monkeypatch.setattr("line_inspector.inference.device_network.fold_batch_norm", lambda model: model)
    model = build_tiny_model().requires_grad_(False)
    network = device_network(model, CPU, precision)
    mask = None if view.foreground == "none" else np.ones(view.region_shape(SIZE_PX), np.bool_)
    with gpu, torch.inference_mode():
        moved_to_gpu(model)
        tiling, device_input = Tiling(view, SIZE_PX, mask), DeviceInput(view, SIZE_PX, GPU)
        bands = torch.empty(2, *device_input.band(np.zeros(frame, np.uint8)).shape, dtype=torch.uint8, device=GPU)
        regions = device_input.regions(bands, frame)
        maps = tiling.join(network(tiling.tiles_on_device(regions)))
        rows = pack(maps, ScoreScale(limit=0.4, typical=0.1), view)
    assert (rows.device, rows.dtype, rows.shape) == (GPU, torch.uint8, (2, ROW_BYTES))


def test_the_fake_gpu_does_tell(gpu: FakeTensorMode) -> None:
    with gpu:
        there = torch.ones(2, device=GPU)
        with pytest.raises(RuntimeError, match="device"):
            there + torch.ones(2)
        with pytest.raises(RuntimeError):
            there.sum().item()
