"""A model on a device, in the precision asked for: from tiles, uint8, to maps, float32."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from line_inspector.inference.folding import fold_batch_norm
from line_inspector.model.adps import ADPS
from line_inspector.model.comparison import Concatenation

Precision = Literal["fp32", "fp16", "bf16"]
HALF: dict[Precision, torch.dtype] = {"fp16": torch.float16, "bf16": torch.bfloat16}
Network = Callable[[Tensor], Tensor]  # uint8 RGB (B, 3, S, S) -> maps (B, S, S), float32 in 0..1


def device_network(model: ADPS, device: torch.device, precision: Precision = "fp32") -> Network:
    """Take `model` over to `device`, batch norms folded, channels last.

    Half precisions hold for teacher, student and segmentation. What is compared with numbers that good parts have set
    (prototypes, novelty, likeness), and the logits, softmax and Gaussian behind, stay fp32.
    """
    model = fold_batch_norm(model.to(device)).to(memory_format=torch.channels_last)
    if precision != "fp32":
        _compute_in(model, HALF[precision])

    def network(tiles: Tensor) -> Tensor:
        images = model.normalise(tiles).contiguous(memory_format=torch.channels_last)
        return model.anomaly_map(images)

    return network


def _compute_in(model: ADPS, dtype: torch.dtype) -> None:
    parts: list[nn.Module] = [model.teacher, model.student]
    parts += [comparison for comparison in model.comparisons if isinstance(comparison, Concatenation)]
    if model.segmentation is not None:
        parts += [*model.segmentation.blocks, model.segmentation.head]
    for part in parts:
        part.to(dtype)
        part.register_forward_pre_hook(partial(_cast, dtype))


def _cast(dtype: torch.dtype, _module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(each.to(dtype) if isinstance(each, Tensor) else each for each in given)
