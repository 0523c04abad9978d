"""Batch norm folded into the convolution before it: at inference both are one linear step, and half the memory traffic.

Which batch norm follows which convolution is read off a run of the model, not off its names, so that it works for
every backbone; the result is compared with the original and dropped where it differs.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from line_inspector.model.adps import ADPS

LARGEST_DIFFERENCE = 1e-4  # of the anomaly map, 0..1; float rounding alone stays below 1e-6


def fold_batch_norm(model: ADPS) -> ADPS:
    """Return a copy of `model`, in eval mode and without gradients, with its batch norms folded where that is exact.

    The copy answers as the original does, but can no longer be trained or loaded from the original's weights.
    """
    original = model.eval().requires_grad_(False)
    folded = copy.deepcopy(original)
    images = original.normalise(_noise(original))
    for convolution, norm in _pairs(folded, images):
        _fold(folded, convolution, norm)
    with torch.inference_mode():
        difference = float((folded.anomaly_map(images) - original.anomaly_map(images)).abs().max())
    return folded if difference <= LARGEST_DIFFERENCE else original


def _noise(model: ADPS) -> Tensor:
    size_px = model.architecture.image_size_px
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (1, 3, size_px, size_px), dtype=torch.uint8, generator=generator)
    return noise.to(model.mean.device)


def _pairs(model: ADPS, images: Tensor) -> list[tuple[str, str]]:
    """Names of each convolution and of the batch norm that takes its output, both run exactly once."""
    runs: list[str] = []
    made_by: dict[int, tuple[str, Tensor]] = {}  # holds the tensor, so that its id is not given out again
    found: list[tuple[str, str]] = []

    def observe(name: str, module: nn.Module, given: Tensor, made: Tensor) -> None:
        runs.append(name)
        if isinstance(module, nn.Conv2d):
            made_by[id(made)] = name, made
        elif id(given) in made_by:
            found.append((made_by[id(given)][0], name))

    hooks = [
        module.register_forward_hook(lambda m, given, made, name=name: observe(name, m, given[0], made))
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d)
    ]
    with torch.inference_mode():
        model.anomaly_map(images)
    for hook in hooks:
        hook.remove()
    return [pair for pair in found if runs.count(pair[0]) == runs.count(pair[1]) == 1]


def _fold(model: ADPS, convolution_name: str, norm_name: str) -> None:
    convolution, norm = model.get_submodule(convolution_name), model.get_submodule(norm_name)
    assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    _replace(model, convolution_name, fuse_conv_bn_eval(convolution, norm))
    activation = list(norm.children())  # timm's batch norms carry theirs inside
    _replace(model, norm_name, nn.Sequential(*activation) if activation else nn.Identity())


def _replace(model: ADPS, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, module)
