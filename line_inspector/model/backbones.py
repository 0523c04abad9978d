"""Backbones: the first stages of any timm network by name, and the key map for weights that timm does not name so."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import timm
import torch
from timm.models._features import FeatureGetterNet
from torch import Tensor, nn

from line_inspector.model.architecture import LITE0

# What timm's networks raise for a name, stride, or size of image or patch that they cannot take.
UNFIT = (ValueError, RuntimeError, AssertionError, LookupError, TypeError, AttributeError)

TIMM_NAMES = {LITE0: "tf_efficientnet_lite0"}


def timm_name(name: str) -> str:
    """The name under which timm knows the backbone that we call `name`."""
    return TIMM_NAMES.get(name, name)


class Backbone(nn.Module):
    """Feature maps of a timm network at the given strides, shallow to deep; later stages are cut off.

    `mean` and `std` are the normalisation its ImageNet weights expect, per RGB channel on a 0..1 scale. Weights are
    random until `load_weights`. Raises ValueError for a name timm does not know or a stride it has no feature map at.
    """

    def __init__(self, name: str, strides: Sequence[int]) -> None:
        super().__init__()
        if not timm.is_model(timm_name(name)):
            raise ValueError(f"timm has no backbone named {name!r}")
        self.net = _features(timm_name(name), _stages_at(timm_name(name), strides))
        config: dict[str, Any] = vars(self.net.model)["pretrained_cfg"]
        self.mean: tuple[float, ...] = tuple(config["mean"])
        self.std: tuple[float, ...] = tuple(config["std"])
        self.channels: list[int] = self.net.feature_info.channels()
        self.strides = tuple(strides)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) normalised -> one (B, C, H / stride, W / stride) per stride."""
        return list(self.net(images))

    def after_stage(self, stage: int, change: Callable[[Tensor], Tensor]) -> None:
        """From now on, pass what the stage gives through `change`: into the feature maps, and on to the next stage."""
        module = self.net.model.get_submodule(self.net.feature_info.module_name()[stage])
        module.register_forward_hook(lambda module, inputs, features: change(features))

    def load_weights(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights of the whole timm network; those of later stages and of the classifier are left out.

        Raises ValueError for weights that are missing here or have another shape.
        """
        own = self.net.model.state_dict()
        missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
        if missing:
            raise ValueError(f"{len(missing)} of {len(own)} weights are missing, the first is {missing[0]!r}")
        for key in own:
            if key in state and state[key].shape != own[key].shape:
                raise ValueError(f"{key!r} has shape {tuple(state[key].shape)}, expected {tuple(own[key].shape)}")
        self.net.model.load_state_dict({key: state.get(key, own[key]) for key in own})


def _features(timm_model: str, stages: Sequence[int]) -> FeatureGetterNet:
    net = timm.create_model(
        timm_model, pretrained=False, features_only=True, out_indices=tuple(stages), feature_cls="getter"
    )
    assert isinstance(net, FeatureGetterNet)
    return net


def _stages_at(timm_model: str, strides: Sequence[int]) -> list[int]:
    """timm's indices of the deepest feature maps at these strides."""
    deepest = _deepest_stages(timm_model)
    absent = [stride for stride in strides if stride not in deepest]
    if absent:
        raise ValueError(f"backbone {timm_model!r} has feature maps at strides {list(deepest)}, none at {absent[0]}")
    return [deepest[stride] for stride in strides]


@lru_cache(maxsize=16)  # one takes as long as the network that is then built, and every model asks twice
def _deepest_stages(timm_model: str) -> dict[int, int]:
    """timm's index of the deepest feature map at each stride that the network has."""
    with torch.device("meta"):
        net = timm.create_model(timm_model, pretrained=False, features_only=True, feature_cls="getter")
    assert isinstance(net, FeatureGetterNet)
    return dict(zip(net.feature_info.reduction(), net.feature_info.out_indices, strict=True))


# How efficientnet_lite_pytorch names the parts of one block, and how timm does. Its first block has no expansion,
# so timm counts that block's batch norms from one less.
_EXPANDED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_UNEXPANDED = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OUTSIDE_BLOCKS = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_BLOCKS_PER_STAGE = (1, 2, 2, 3, 3, 4, 1)  # EfficientNet-Lite0


def lite0_weights_for_timm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the weights of efficientnet_lite_pytorch's EfficientNet-Lite0 to those of timm's tf_efficientnet_lite0.

    Raises ValueError for a name that does not belong to that network.
    """
    return {_lite0_key(key): tensor for key, tensor in state.items()}


def _lite0_key(key: str) -> str:
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    try:
        if match is None:
            layer, parameter = key.split(".")
            return f"{_OUTSIDE_BLOCKS[layer]}.{parameter}"
        stage, block = _stage_and_block(int(match[1]))
        layers = _UNEXPANDED if stage == 0 else _EXPANDED
        return f"blocks.{stage}.{block}.{layers[match[2]]}.{match[3]}"
    except (KeyError, ValueError) as e:
        raise ValueError(f"{key!r} is no weight of EfficientNet-Lite0") from e


def _stage_and_block(index: int) -> tuple[int, int]:
    for stage, blocks in enumerate(_BLOCKS_PER_STAGE):
        if index < blocks:
            return stage, index
        index -= blocks
    raise ValueError(f"block {index} is past the last")
