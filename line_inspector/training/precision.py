"""Mixed precision: what gains by 16 bits runs in them, what loses stays in fp32."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # as /proc/cpuinfo names them, x86 and Arm


@cache
def autocast_type(precision: Literal["auto", "bf16", "fp16", "fp32"], device: torch.device) -> torch.dtype | None:
    """What to train in besides fp32: as told, or what the hardware multiplies in (elsewhere it is emulated, slowly).

    float16 needs scaled gradients: its smallest number is far larger than bfloat16's.
    """
    if precision != "auto":
        return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}[precision]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    cpuinfo = Path("/proc/cpuinfo")
    in_bfloat16 = cpuinfo.exists() and not CPU_FLAGS.isdisjoint(cpuinfo.read_text().split())
    return torch.bfloat16 if in_bfloat16 else None


@contextmanager
def depthwise_in_float32(module: nn.Module) -> Iterator[None]:
    """While it lasts, the depthwise convolutions of `module` compute in fp32 under autocast.

    oneDNN's bf16 backward of a depthwise convolution with a stride is some twenty times slower than its fp32 one,
    which eats all that bf16 gains elsewhere.
    """
    depthwise = [m for m in module.modules() if isinstance(m, nn.Conv2d) and m.groups == m.in_channels > 1]
    for convolution in depthwise:
        convolution.forward = _in_float32(convolution.forward)  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        for convolution in depthwise:
            del convolution.forward


def _in_float32(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def in_float32(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return forward(x.float()).to(x.dtype)

    return in_float32
