import math

import pytest
import torch

from line_inspector.model.losses import distillation_loss, focal_loss


def test_distillation_wants_agreement_where_normal_and_disagreement_where_forged() -> None:
    teacher = torch.randn(1, 4, 8, 8)
    normal, forged = torch.zeros(1, 1, 32, 32), torch.ones(1, 1, 32, 32)
    assert distillation_loss([teacher], [teacher], normal).item() == pytest.approx(0.0, abs=1e-5)
    assert distillation_loss([teacher], [-teacher], normal).item() == pytest.approx(2.0, abs=1e-5)
    assert distillation_loss([teacher], [teacher], forged).item() == pytest.approx(1.0, abs=1e-5)
    assert distillation_loss([teacher], [-teacher], forged).item() == pytest.approx(-1.0, abs=1e-5)


def test_distillation_sums_over_stages() -> None:
    stages = [torch.randn(2, 3, 8, 8), torch.randn(2, 5, 4, 4)]
    opposite = [-stage for stage in stages]
    assert distillation_loss(stages, opposite, torch.zeros(2, 1, 16, 16)).item() == pytest.approx(4.0, abs=1e-5)


def test_mask_is_brought_to_the_stage_in_place() -> None:
    teacher = torch.randn(1, 3, 2, 2)
    student = teacher.clone()
    student[..., 0, 0] *= -1
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4, :4] = 1  # forged exactly where the student disagrees
    assert distillation_loss([teacher], [student], mask).item() == pytest.approx(-0.25, abs=1e-5)


def test_focal_loss_without_focus_is_cross_entropy() -> None:
    logits, mask = torch.randn(2, 2, 6, 6), (torch.rand(2, 1, 6, 6) > 0.5).float()
    expected = torch.nn.functional.cross_entropy(logits, mask[:, 0].long())
    assert focal_loss(logits, mask, gamma=0.0).item() == pytest.approx(expected.item(), abs=1e-6)


def test_focal_loss_of_even_odds() -> None:
    value = focal_loss(torch.zeros(1, 2, 2, 2), torch.ones(1, 1, 2, 2), gamma=2.0).item()
    assert value == pytest.approx(0.25 * math.log(2))


def test_losses_stay_finite_far_from_the_truth() -> None:
    logits = torch.tensor([200.0, -200.0]).view(1, 2, 1, 1).requires_grad_()
    loss = focal_loss(logits, torch.ones(1, 1, 1, 1), gamma=2.0)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_summed_over_places_a_finer_stage_weighs_more() -> None:
    stages = [torch.randn(2, 3, 8, 8), torch.randn(2, 5, 4, 4)]
    opposite, normal = [-stage for stage in stages], torch.zeros(2, 1, 16, 16)
    assert distillation_loss(stages, opposite, normal, "sum").item() == pytest.approx(2.0 * (64 + 16), rel=1e-5)


def test_the_sum_is_the_mean_times_the_places_and_so_is_its_gradient() -> None:
    teacher, student = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8, requires_grad=True)
    mask = (torch.rand(2, 1, 32, 32) > 0.5).float()
    (mean,) = torch.autograd.grad(distillation_loss([teacher], [student], mask), student)
    (total,) = torch.autograd.grad(distillation_loss([teacher], [student], mask, "sum"), student)
    assert torch.allclose(total, 64 * mean, rtol=1e-4)


def test_a_place_may_count_as_forged_where_any_of_it_is() -> None:
    teacher, mask = torch.randn(1, 3, 2, 2), torch.zeros(1, 1, 8, 8)
    mask[..., 0, 0] = 1  # a sixteenth of one place in four, where the student agrees
    assert distillation_loss([teacher], [teacher], mask).item() == pytest.approx(1 / 64, abs=1e-5)
    assert distillation_loss([teacher], [teacher], mask, stage_mask="any").item() == pytest.approx(1 / 4, abs=1e-5)
