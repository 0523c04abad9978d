import torch

from line_inspector.model.prototypes import Prototypes


def _two_kinds() -> Prototypes:
    prototypes = Prototypes(2, 2)
    prototypes.centres.copy_(torch.tensor([[10.0, 0.0], [0.0, 10.0]]))
    return prototypes


def _at(*vector: float) -> torch.Tensor:
    return torch.tensor(vector).view(1, -1, 1, 1)


def test_what_is_typical_deviates_by_nothing_and_what_is_not_by_what_it_is_off() -> None:
    prototypes = _two_kinds()
    assert torch.allclose(prototypes(_at(10.0, 0.0)), _at(0.0, 0.0), atol=1e-5)
    assert torch.allclose(prototypes(_at(0.0, 13.0)), _at(0.0, 3.0), atol=1e-5)
    assert torch.allclose(prototypes(_at(8.0, -1.0)), _at(-2.0, -1.0), atol=1e-5)


def test_every_location_is_measured_by_itself() -> None:
    features = torch.randn(2, 2, 3, 4)
    deviations = _two_kinds()(features)
    assert deviations.shape == features.shape
    assert torch.allclose(_two_kinds()(features[1:, :, 2:, 3:]), deviations[1:, :, 2:, 3:])


def test_a_tie_is_decided_by_no_rounding() -> None:
    prototypes = _two_kinds()
    one_side, other_side = prototypes(_at(5.0, 5.0 - 1e-6)), prototypes(_at(5.0, 5.0 + 1e-6))
    assert torch.allclose(one_side, other_side, atol=1e-2)
