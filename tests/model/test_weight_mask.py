import torch

from line_inspector.model.weight_mask import cosine_map, weight_mask


def test_agreement_masks_the_teacher_out_and_opposition_doubles_it() -> None:
    teacher = torch.tensor([[3.0], [4.0]]).view(1, 2, 1, 1)
    assert torch.allclose(weight_mask(teacher, 7 * teacher), torch.zeros(1, 2, 1, 1), atol=1e-6)
    assert torch.allclose(weight_mask(teacher, -teacher), 2 * teacher)
    across = torch.tensor([[-4.0], [3.0]]).view(1, 2, 1, 1)
    assert torch.allclose(weight_mask(teacher, across), teacher)


def test_cosine_is_taken_over_channels_at_every_location() -> None:
    teacher, student = torch.randn(2, 5, 3, 4), torch.randn(2, 5, 3, 4)
    got = cosine_map(teacher, student)
    t, s = teacher[1, :, 2, 3], student[1, :, 2, 3]
    assert got.shape == (2, 1, 3, 4)
    assert torch.allclose(got[1, 0, 2, 3], t @ s / (t.norm() * s.norm()), atol=1e-6)


def test_gradient_reaches_the_student_through_the_weights() -> None:
    teacher, student = torch.randn(1, 4, 2, 2), torch.randn(1, 4, 2, 2, requires_grad=True)
    weight_mask(teacher, student).square().sum().backward()
    assert student.grad is not None
    assert student.grad.abs().sum() > 0
