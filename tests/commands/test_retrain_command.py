"""`line-inspector retrain` learns from the parts of its own recipe only."""

from collections.abc import Callable
from pathlib import Path

import pytest

from line_inspector.commands import main
from line_inspector.part_record import PartRecord, Reason
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.ledger_row import ArchivedImage
from line_inspector.training.registry import Registry


def accepted(part_id: str, model_version: str) -> PartRecord:
    return PartRecord(
        part_id=part_id,
        camera="top",
        trigger_wall_ns=1_750_000_000_000_000_000,
        trigger_ns=1,
        captured_ns=2,
        inference_start_ns=3,
        inference_end_ns=4,
        verdict_ns=5,
        decided_ns=6,
        deadline_ns=7,
        gate_ns=8,
        accepted=True,
        reason=Reason.GOOD,
        detail="",
        score=0.1,
        threshold=0.5,
        model_version=model_version,
        fingerprint=9,
    )


def refusal(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which `retrain` refuses the line in the folder."""
    line_file = folder / "line.yaml"
    line_file.write_text(
        "line: test\nrecipe: tile\ndata_dir: data\nbelt: {speed_mm_s: 500}\n"
        "cameras: {top: {source: {kind: simulated}, trigger: {kind: line}, to_gate_mm: 500}}\n"
    )
    with pytest.raises(SystemExit) as ended:
        main(["retrain", str(line_file)])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_parts_that_models_of_another_recipe_accepted_are_not_trained_on(
    tmp_path: Path, write_tiny_model: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for recipe in ("tile", "disc"):
        model_dir = write_tiny_model(tmp_path / recipe, version=f"{recipe}-1")
        Registry(tmp_path / "data" / "models", recipe).publish(model_dir)
    ledger = LedgerWriter(f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite'}")
    (tmp_path / "data" / "archive").mkdir()
    for i in range(60):
        part_id = f"p{i}"
        ledger.submit(accepted(part_id, "tile-1" if i < 12 else "disc-1"))
        ledger.submit_image(ArchivedImage(part_id, f"{part_id}.png", None, 0, True, 7))
        (tmp_path / "data" / "archive" / f"{part_id}.png").write_bytes(b"picture")
    assert ledger.close(10)
    error = refusal(tmp_path, capsys)
    assert "only 12 images of accepted parts of recipe tile, training.min_frames asks for 40" in error


def test_before_a_model_is_published_the_next_step_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refusal(tmp_path, capsys)
    assert "Put one into service: line-inspector models publish LINE.yaml MODEL_DIR" in error
