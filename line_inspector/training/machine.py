"""What a measurement ran on and with, in words, for whoever compares it with another."""

import math
import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch

from line_inspector.config import cpu_quota

PACKAGES = ("line-inspector", "torch", "timm", "numpy", "opencv-python-headless")


def describe_machine() -> str:
    """Processor, cores, CPU quota and threads in use, and the GPU where torch sees one."""
    quota = cpu_quota()
    cores = f"{len(os.sched_getaffinity(0))} cores" + (f", CPU quota of {quota:g}" if math.isfinite(quota) else "")
    words = f"{_processor()}, {cores}, {torch.get_num_threads()} threads"
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{words}, {gpu}, {platform.system()}"


def versions() -> dict[str, str]:
    """Versions by name: Python, and what computes here."""
    return {"Python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
