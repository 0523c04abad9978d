from pathlib import Path

import pytest

from line_inspector.model.architecture import Architecture
from line_inspector.model.configurations import CONFIGURATIONS, DEFAULT
from line_inspector.model.cost import cost_of

DOCS = Path(__file__).parents[2] / "docs" / "model.md"


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_documented_cost_is_the_counted_one(name: str) -> None:
    cost, architecture = cost_of(CONFIGURATIONS[name]), CONFIGURATIONS[name]
    figures = f"{cost.parameters / 1e6:.2f} M | {cost.trained / 1e6:.2f} M | {cost.multiply_adds / 1e9:.2f} G"
    assert f"| `{name}` | `{architecture.backbone}` | {figures} |" in DOCS.read_text()


def test_the_default_needs_no_hub_and_is_what_training_takes() -> None:
    assert CONFIGURATIONS[DEFAULT] == Architecture()


def test_four_times_the_pixels_cost_four_times_the_work() -> None:
    alone = (Architecture(image_size_px=size, likeness=0.0) for size in (256, 512))  # sharing has a bound of its own
    small, large = (cost_of(architecture).multiply_adds for architecture in alone)
    assert small * 3.9 < large < small * 4.1
