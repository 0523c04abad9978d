"""bfloat16 on CPUs that compute in it: what gains runs in it, what loses by it stays in fp32."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # as /proc/cpuinfo names them, x86 and Arm


@cache
def use_bfloat16(precision: Literal["auto", "bf16", "fp32"], device: torch.device) -> bool:
    """Whether to train in bf16: as told, or where the hardware multiplies in it (elsewhere it is emulated, slowly)."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and not CPU_FLAGS.isdisjoint(cpuinfo.read_text().split())


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
