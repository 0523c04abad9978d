import torch

from line_inspector.model.comparison import Concatenation, Difference, WeightMask, cosine_map, distance_logits


def test_agreement_masks_the_teacher_out_and_opposition_doubles_it() -> None:
    weight_mask = WeightMask(2, prototypes=0)
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
    WeightMask(4, prototypes=0)(teacher, student).square().sum().backward()
    assert student.grad is not None
    assert student.grad.abs().sum() > 0


def test_the_raw_difference_knows_length_which_the_weight_mask_does_not() -> None:
    teacher = torch.randn(1, 4, 2, 2)
    assert torch.equal(Difference()(teacher, teacher), torch.zeros_like(teacher))
    assert torch.allclose(Difference()(teacher, 3 * teacher), -2 * teacher)


def test_the_concatenation_sees_both_and_learns_how_to_mix_them() -> None:
    mix = Concatenation(4).eval()
    teacher, student = torch.randn(1, 4, 2, 2), torch.randn(1, 4, 2, 2)
    seen = mix(teacher, student)
    assert seen.shape == (1, 4, 2, 2)
    assert not torch.equal(seen, mix(teacher, torch.randn(1, 4, 2, 2)))
    assert sum(p.numel() for p in mix.parameters()) == 2 * 4 * 4 + 2 * 4


def test_without_segmentation_the_map_is_the_mean_distance_of_the_features() -> None:
    agree, oppose = torch.ones(1, 2, 4, 4), -torch.ones(1, 2, 4, 4)
    deep = torch.ones(1, 3, 2, 2)
    probability = distance_logits([agree, deep], [oppose, deep], (8, 8)).softmax(dim=1)[:, 1]
    assert probability.shape == (1, 8, 8)
    assert torch.allclose(probability, torch.full((1, 8, 8), 0.5), atol=1e-5)  # one stage of two at its most distant
