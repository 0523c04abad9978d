"""The report inside a model directory: one page, no script, no outside address, and the truth about the model."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tiny_training import OPTIONS

from line_inspector.errors import InputError
from line_inspector.inference.model_directory import read_manifest, read_model_directory
from line_inspector.training.budget import Budget
from line_inspector.training.chart import Bars, Line, histogram, line_chart, ticks
from line_inspector.training.good_frames import GoodFrames
from line_inspector.training.history import MOST_POINTS, History
from line_inspector.training.model_training import train_model


class _Page(HTMLParser):
    """Tags that are open, and what the page would fetch or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def test_the_report_travels_hashed_inside_the_model_and_stands_on_its_own(good: GoodFrames, tmp_path: Path) -> None:
    manifest = train_model(good, tmp_path / "<m>", OPTIONS, Budget(steps=6))
    report = tmp_path / "<m>" / "report.html"
    text = report.read_text()
    page = _Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert page.fetched and all(value.startswith("data:image/") for value in page.fetched)
    assert "Training report: &lt;m&gt;" in text
    promised = f"at most {manifest.calibration['false_reject_rate']:.2%} of good parts, and on average"
    assert promised in text
    assert f"Only {manifest.lineage['images_trained_on']} pictures were learned from" in text
    assert "12 good images promise that at most" in text
    assert f"{manifest.calibration['false_reject_rate']:.2%} (promised)" in text
    assert f"threshold {manifest.threshold:.3f}" in text
    assert page.tags.count("svg") == 4
    for name in ("weights_source", "batch_size", "structural_share", "torch"):
        assert f"<th>{name}</th>" in text
    assert text.count("<th>step 6</th>") == 1
    assert re.search(r"<th>step 6</th><td>image AUROC [\d.]+, pixel AP [\d.]+</td>", text)
    assert "report.html" in manifest.files
    report.write_text(text.replace("pictures were learned from", "pictures are enough"))
    with pytest.raises(InputError, match="does not match its sha256"):
        read_model_directory(tmp_path / "<m>")


def test_a_cancelled_training_says_so(good: GoodFrames, tmp_path: Path) -> None:
    train_model(good, tmp_path / "m", OPTIONS, Budget(steps=6), cancelled=lambda: True)
    assert "The training was ended by hand" in (tmp_path / "m" / "report.html").read_text()
    assert read_manifest(tmp_path / "m").lineage["steps"] == 0


def test_history_stays_small_and_keeps_the_average() -> None:
    history = History()
    steps = 5000
    for step in range(1, steps + 1):
        history.record(step, loss=float(step), learning_rate=1.0)
    assert MOST_POINTS / 2 <= len(history.points) < MOST_POINTS
    covered = len(history.points) * history.steps_per_point
    assert history.points[-1].step == covered
    assert covered + len(history.open_steps) == steps
    mean = sum(point.loss for point in history.points) / len(history.points)
    assert mean == pytest.approx((covered + 1) / 2)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0, 1.05, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), (1, 12, [2, 4, 6, 8, 10, 12]), (0.28, 0.34, [0.28, 0.29, 0.3, 0.31])],
)
def test_ticks_are_round_numbers_in_the_range(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high)[: len(expected)] == pytest.approx(expected)
    assert ticks(low, high)[-1] <= high


def test_charts_of_next_to_nothing_are_drawn() -> None:
    assert "nothing to show" in line_chart([Line("loss", "red", [])], "step")
    assert "<circle" in line_chart([Line("loss", "red", [(1, 0.0)])], "step")
    drawn = histogram([Bars("a", "red", []), Bars("b", "blue", [0.5, 0.5])], 10, "score", 0.5, "a < b")
    assert drawn.count('height="') >= 1 and "a &lt; b" in drawn
    assert "nan" not in drawn
