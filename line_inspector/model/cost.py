"""What a model costs: its weights, and the work of one image, counted while it does it."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from line_inspector.model.adps import ADPS
from line_inspector.model.architecture import Architecture


@dataclass(frozen=True)
class Cost:
    """`parameters` with the frozen teacher's, `trained` without; `multiply_adds` of one image's inference.

    Multiplications with addition are those of convolutions and matrices; the rest is below a hundredth of them.
    """

    parameters: int
    trained: int
    multiply_adds: int


def cost_of(architecture: Architecture) -> Cost:
    """Count. Raises ValueError for an architecture that its backbone cannot have."""
    model = ADPS(architecture).eval()
    images = torch.zeros(1, 3, architecture.image_size_px, architecture.image_size_px)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model.anomaly_map(images)
    weights = list(model.parameters())
    return Cost(
        parameters=sum(p.numel() for p in weights),
        trained=sum(p.numel() for p in weights if p.requires_grad),
        multiply_adds=counter.get_total_flops() // 2,
    )
