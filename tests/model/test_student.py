import pytest
import torch
from torch import nn

from line_inspector.model.student import PatchStudent, cut_patches, join_patches


@pytest.mark.parametrize(("height", "width", "patch_px"), [(32, 32, 8), (32, 64, 16), (16, 16, 16)])
def test_joining_undoes_cutting(height: int, width: int, patch_px: int) -> None:
    images = torch.rand(3, 2, height, width)
    patches = cut_patches(images, patch_px)
    assert patches.shape == (3 * (height // patch_px) * (width // patch_px), 2, patch_px, patch_px)
    assert torch.equal(join_patches(patches, height // patch_px, width // patch_px), images)


def test_patches_are_taken_row_by_row() -> None:
    image = torch.arange(16.0).view(1, 1, 4, 4)
    assert torch.equal(cut_patches(image, 2)[1, 0], torch.tensor([[2.0, 3.0], [6.0, 7.0]]))


class _Blur(nn.Module):
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [nn.functional.avg_pool2d(x, 5, stride=1, padding=2)]


def test_each_patch_is_seen_on_its_own() -> None:
    student = PatchStudent(_Blur(), patch_px=8)
    image = torch.rand(1, 3, 32, 32)
    changed = image.clone()
    changed[..., 8:16, 16:24] += 1.0  # one whole patch, so that its border pixels change too
    difference = (student(changed)[0] - student(image)[0]).abs().sum(1)[0]
    assert (difference[8:16, 16:24] > 0).all()
    difference[8:16, 16:24] = 0
    assert difference.sum() == 0


def test_one_patch_is_the_whole_image() -> None:
    image = torch.rand(2, 3, 32, 32)
    assert torch.equal(PatchStudent(_Blur(), patch_px=32)(image)[0], _Blur()(image)[0])
