"""What a model costs: its weights, and the work of one image, counted while it does it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from line_inspector.model.adps import ADPS
from line_inspector.model.architecture import Architecture


@dataclass(frozen=True)
class Cost:
    """`parameters` with the frozen teacher's, `trained` without; `multiply_adds` of one image's inference.

    Multiplications with addition are those of convolutions and matrices; the rest is below a hundredth of them.
    `bytes_moved` are what these operations read and write in float32, each for itself, as if the rest took nothing:
    what is between them can be done while their numbers are at hand.
    """

    parameters: int
    trained: int
    multiply_adds: int
    bytes_moved: int


def cost_of(architecture: Architecture) -> Cost:
    """Count. Raises ValueError for an architecture that its backbone cannot have."""
    model = ADPS(architecture).eval()
    images = torch.zeros(1, 3, architecture.image_size_px, architecture.image_size_px)
    traffic = _Traffic()
    with torch.inference_mode(), traffic, FlopCounterMode(display=False) as counter:  # this one takes them apart first
        model.anomaly_map(images)
    weights = list(model.parameters())
    return Cost(
        parameters=sum(p.numel() for p in weights),
        trained=sum(p.numel() for p in weights if p.requires_grad),
        multiply_adds=counter.get_total_flops() // 2,
        bytes_moved=traffic.moved,
    )


class _Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own annotation is missing
    """Counts the bytes of every tensor that convolutions and matrix products take and give."""

    COUNTED = ("convolution", "mm", "bmm", "addmm", "baddbmm")

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.moved = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ in self.COUNTED:
            self.moved += sum(tensor.nbytes for tensor in (*args, result) if isinstance(tensor, torch.Tensor))
        return result
