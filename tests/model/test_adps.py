import math
from dataclasses import asdict, replace
from typing import Any

import pytest
import torch

from line_inspector.model.adps import ADPS, Architecture, Windows, gaussian_blur

SMALL = Architecture(image_size_px=64, patches_per_side=4, segmentation_widths=(8, 8, 8), sigma_px=1.0)


def _frames(count: int = 2, size_px: int = 64) -> torch.Tensor:
    return torch.randint(
        0, 256, (count, 3, size_px, size_px), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def test_output_shapes() -> None:
    model = ADPS(SMALL).eval()
    with torch.inference_mode():
        output = model(model.normalise(_frames()))
        maps = model.anomaly_map(model.normalise(_frames()))
    assert output.logits.shape == (2, 2, 64, 64)
    assert [t.shape for t in output.teacher] == [s.shape for s in output.student]
    assert [t.shape[-1] for t in output.teacher] == [16, 8, 4]
    assert maps.shape == (2, 64, 64)
    assert maps.min() >= 0 and maps.max() <= 1


def test_normalisation_is_the_models_own() -> None:
    frames = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    assert torch.equal(ADPS(SMALL).normalise(frames)[:, 0, 0, 0], torch.tensor([-1.0, 1.0]))
    imagenet = ADPS(replace(SMALL, normalisation="imagenet")).normalise(frames)[:, 0, 0, 0]
    torch.testing.assert_close(imagenet, torch.tensor([-0.485, 0.515]) / 0.229)


def test_windows_see_what_the_whole_image_shows_there() -> None:
    model = ADPS(SMALL).eval()
    images = model.normalise(_frames())
    with torch.inference_mode():
        whole, part = model(images), model(images, Windows([(16, 32), (0, 16)], size_px=32))
    assert part.logits.shape == (2, 2, 32, 32)
    for full, cut in zip([*whole.teacher, *whole.student], [*part.teacher, *part.student], strict=True):
        stride = 64 // full.shape[-1]
        first = full[0, :, 16 // stride : 48 // stride, 32 // stride : 64 // stride]
        second = full[1, :, : 32 // stride, 16 // stride : 48 // stride]
        torch.testing.assert_close(cut, torch.stack([first, second]), rtol=1e-4, atol=1e-5)


def test_training_moves_the_student_and_never_the_teacher() -> None:
    model = ADPS(SMALL).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.Adam(p for p in model.parameters() if p.requires_grad)
    model(model.normalise(_frames())).logits.square().mean().backward()
    optimizer.step()
    changed = {
        name.split(".")[0] for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])
    }
    assert changed == {"student", "segmentation"}


@pytest.mark.parametrize("change", [{}, {"comparison": "concatenation"}, {"post_segmentation": False}])
def test_the_gradient_of_the_logits_reaches_the_student_unless_it_is_stopped(change: dict[str, Any]) -> None:
    model = ADPS(replace(SMALL, **change)).train()
    student = next(model.student.parameters())
    free = model(model.normalise(_frames()))
    stopped = model(model.normalise(_frames()), stop_weight_gradient=True)
    assert torch.autograd.grad(free.logits.square().mean(), student)[0].abs().sum() > 0
    loss = stopped.logits.square().mean() + 0.0 * sum(parameter.sum() for parameter in model.parameters())
    assert torch.autograd.grad(loss, student)[0].abs().sum() == 0
    assert torch.equal(free.logits, stopped.logits)
    assert all(features.requires_grad for features in stopped.student)  # the distillation teaches it all the same


def test_state_carries_everything_to_a_model_built_from_the_same_architecture() -> None:
    first, second = ADPS(SMALL).eval(), ADPS(Architecture(**asdict(SMALL))).eval()
    second.load_state_dict(first.state_dict(), strict=True)
    with torch.inference_mode():
        assert torch.equal(
            first.anomaly_map(first.normalise(_frames())), second.anomaly_map(second.normalise(_frames()))
        )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"patches_per_side": 5}, "multiple of patches_per_side"),
        ({"patches_per_side": 8}, "multiple of patches_per_side"),
        ({"patches_per_side": 0}, "multiple of patches_per_side"),
        ({"strides": (8, 4)}, "rising powers of two"),
        ({"strides": ()}, "rising powers of two"),
        ({"context_stride": 16}, "beyond the last stride"),
        ({"context_stride": 33}, "beyond the last stride"),
        ({"image_size_px": 48, "patches_per_side": 1}, "multiple of context_stride"),
        ({"novelty_logits": -1.0}, "novelty_logits"),
        ({"likeness": -1.0}, "likeness"),
        ({"sigma_px": -1.0}, "sigma_px"),
        ({"whole_stages": 3}, "whole_stages"),
        ({"sigma_px": float("inf")}, "sigma_px"),
        ({"sigma_px": float("nan")}, "sigma_px"),
        ({"image_size_px": 0}, "image_size_px"),
        ({"image_size_px": 1 << 20}, "image_size_px"),
        ({"prototypes": -1}, "prototypes and novelty"),
        ({"novelty": 10**9}, "prototypes and novelty"),
        ({"segmentation_widths": (8, 8)}, "must be 3 to 5"),
        ({"segmentation_widths": (8,) * 6}, "must be 3 to 5"),
        ({"segmentation_widths": (8, 8, 0)}, "must lie in 1"),
        ({"likeness": float("nan")}, "likeness"),
    ],
)
def test_an_architecture_that_cannot_be_is_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Architecture(**{**asdict(SMALL), **change})


def test_blur_keeps_flat_maps_and_the_sum_of_a_spot() -> None:
    flat = torch.full((1, 1, 32, 32), 0.7)
    torch.testing.assert_close(gaussian_blur(flat, 4.0), flat)
    spot = torch.zeros(1, 1, 65, 65)
    spot[..., 32, 32] = 1.0
    blurred = gaussian_blur(spot, 2.0)
    assert blurred.sum().item() == pytest.approx(1.0, abs=1e-5)
    assert blurred[0, 0, 32, 34].item() / blurred[0, 0, 32, 32].item() == pytest.approx(math.exp(-0.5), abs=1e-3)
    assert torch.equal(gaussian_blur(spot, 0.0), spot)


@pytest.mark.parametrize(
    "ablation",
    [
        {"comparison": "difference"},
        {"comparison": "concatenation"},
        {"post_segmentation": False},
        {"whole_stages": 1},
        {"whole_stages": 2},
        {"patches_per_side": 1},
    ],
    ids=str,
)
def test_every_switch_of_the_papers_ablations_makes_another_model_that_learns(ablation: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = ADPS(replace(SMALL, **ablation)).train()
    images = model.normalise(_frames())
    output = model(images)
    assert output.logits.shape == (2, 2, 64, 64)
    assert [t.shape for t in output.teacher] == [s.shape for s in output.student]
    output.logits.square().mean().backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    plain = ADPS(SMALL).eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    with torch.inference_mode():
        assert not torch.equal(plain.anomaly_map(images), model.eval().anomaly_map(images))


def test_whole_stages_see_past_the_patch_and_the_others_do_not() -> None:
    model = ADPS(replace(SMALL, whole_stages=1)).eval()
    frames = _frames(1)
    changed = frames.clone()
    changed[..., 16:32, 16:32] = 255 - changed[..., 16:32, 16:32]  # the patch in the second row and column
    with torch.inference_mode():
        before, after = (model.student(model.normalise(images)) for images in (frames, changed))
    reach = [(b - a).abs().amax(dim=(0, 1)) > 1e-6 for b, a in zip(before, after, strict=True)]
    assert reach[0][4:8, 4:8].any() and reach[0].sum() > 4 * 4  # stride 4: it spills over the patch's border
    deep = reach[2]  # stride 16: one cell per patch; only patches that the first stage's spill touched may change
    assert deep[1, 1] and not deep[3, 3] and not deep[0, 3] and not deep[3, 0]
