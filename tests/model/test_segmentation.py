import pytest
import torch

from line_inspector.model.segmentation import PostSegmentation


def _masked() -> list[torch.Tensor]:
    return [torch.randn(2, 6, 16, 16), torch.randn(2, 8, 8, 8), torch.randn(2, 10, 4, 4)]


@pytest.mark.parametrize("widths", [(12, 8), (12, 8, 4), (12, 8, 4, 4)])
def test_logits_have_two_classes_and_the_size_asked_for(widths: tuple[int, ...]) -> None:
    module = PostSegmentation([6, 8, 10], widths)
    assert module(_masked(), (64, 64)).shape == (2, 2, 64, 64)


def test_every_stage_reaches_the_logits() -> None:
    module = PostSegmentation([6, 8, 10], (12, 8))
    masked = [stage.requires_grad_() for stage in _masked()]
    module(masked, (64, 64)).square().sum().backward()
    for stage in masked:
        assert stage.grad is not None
        assert stage.grad.abs().sum() > 0


def test_too_few_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 widths"):
        PostSegmentation([6, 8, 10], (12,))
