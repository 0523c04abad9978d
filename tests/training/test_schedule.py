import pytest

from line_inspector.training.options import PAPER, TrainingOptions
from line_inspector.training.schedule import learning_rate


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing() -> None:
    options = TrainingOptions()
    rates = [learning_rate(options, share / 100) for share in range(101)]
    assert max(rates) == rates[10] == options.learning_rate
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(options.learning_rate / 1000)


def test_the_papers_schedule_drops_at_240_and_270_of_300_epochs() -> None:
    steps_per_epoch = 7
    of_epoch = [learning_rate(PAPER, epoch * steps_per_epoch / (300 * steps_per_epoch)) for epoch in range(300)]
    assert of_epoch[:240] == [1e-4] * 240
    assert of_epoch[240:270] == pytest.approx([2e-5] * 30)
    assert of_epoch[270:] == pytest.approx([4e-6] * 30)
    assert (PAPER.batch_size, PAPER.window_share, PAPER.architecture.patches_per_side) == (32, 1.0, 8)
