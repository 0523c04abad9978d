"""The line that is measured is the given one, but for what a bench must not touch."""

from pathlib import Path

import yaml

from line_inspector.bench.bench_line import prepare_subject
from line_inspector.line_file import parse_line

ROOT = Path(__file__).parents[2]


def test_a_given_line_is_measured_with_its_own_model_in_a_folder_of_its_own(write_tiny_model, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    document = yaml.safe_load((ROOT / "config" / "line.yaml").read_text()) | {"data_dir": str(tmp_path / "real")}
    given = parse_line(document, ROOT / "config" / "line.yaml")
    model = write_tiny_model(given.registry_dir / given.recipe / "v1", version="v1")
    given.current_model_path.symlink_to(model.name)
    before = sorted(path for path in (tmp_path / "real").rglob("*"))
    (tmp_path / "scratch").mkdir()
    subject = prepare_subject(given, tmp_path / "scratch", 3)
    line = subject.line
    assert len(line.cameras) == 3
    assert {camera.source.kind for camera in line.cameras.values()} == {"folder"}
    assert line.decision.gate.kind == "simulated"
    assert line.decision.gate.window_ms == given.decision.gate.window_ms
    assert (line.belt.speed_mm_s, line.recipe, line.inference) == (given.belt.speed_mm_s, given.recipe, given.inference)
    assert line.data_dir.is_relative_to(tmp_path / "scratch")
    assert line.current_model_path.exists()
    assert "v1, in service" in subject.model_words
    assert len(subject.frames) == 2
    assert sorted(path for path in (tmp_path / "real").rglob("*")) == before
