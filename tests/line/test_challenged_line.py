"""Challenges and the bin's sensor on a whole line: real capture, ring, inference, decision, gate and world."""

import shutil
from pathlib import Path

import pytest
from line_under_test import LineUnderTest, foreign_body_dataset
from sqlalchemy import select

from line_inspector.challenge_record import ChallengeOutcome
from line_inspector.images import read_image
from line_inspector.records.reading import read_challenges, reading
from line_inspector.records.schema import audit
from line_inspector.ring import fingerprint


def raised(line: LineUnderTest) -> set[str]:
    """The alarms that were raised, by the ledger."""
    with reading(line.line.ledger_url) as connection:
        subjects = connection.execute(select(audit.c.subject).where(audit.c.action == "alarm.raise")).scalars()
        return {subject.split()[0] for subject in subjects}


@pytest.mark.slow
@pytest.mark.parametrize("known", ["block", "good"])
def test_a_known_defect_is_found_between_parts_or_nothing_is_accepted(
    line_under_test: LineUnderTest, tmp_path: Path, known: str
) -> None:
    """`good`: to be told that a good part is a defect is as if the model had become blind to it."""
    line = line_under_test
    dataset = foreign_body_dataset(tmp_path / "parts")
    folder = tmp_path / "known" / "disc" / "top"
    folder.mkdir(parents=True)
    shutil.copy(sorted((dataset / "test" / known).iterdir())[0], folder / "known.png")
    line.document["cameras"]["top"]["source"] = {"kind": "folder"}
    line.document["challenge"] = {"frames": "known", "every_min": 0.05, "overdue_s": 60}
    line.document["alarms"] = {"bin_sensor": True, "bin_tolerance_ms": 2000}
    line.document["cameras"]["top"]["to_gate_mm"] = 500
    line.set_world(images=str(dataset), rate_hz=3)
    line.start()
    line.start_world("--parts", "60")
    line.finish_world()
    line.stop()
    fallen, ledger = line.fallen(), line.ledger()
    assert {row["part_id"] for row in fallen} == set(ledger), line.log()
    for row in fallen:
        if row["bin"] == "accept":
            assert ledger[row["part_id"]].accepted
            assert ledger[row["part_id"]].fingerprint == fingerprint(read_image(Path(row["file"])))
    challenges = read_challenges(line.line.ledger_url)
    assert len(challenges) > 1, line.log()
    assert not {one.part_id for one in challenges} & set(ledger)
    if known == "block":
        assert {one.outcome for one in challenges} == {ChallengeOutcome.PASSED}, line.log()
        assert challenges[0].fingerprint == fingerprint(read_image(folder / "known.png"))
        assert "challenge_missed" not in raised(line) and "reject_unconfirmed" not in raised(line)
        assert any(row["bin"] == "accept" for row in fallen)
    else:
        first_ns = min(one.decided_wall_ns for one in challenges if one.outcome is ChallengeOutcome.MISSED)
        later = [row for row in ledger.values() if row.trigger_wall_ns > first_ns]
        assert later and not any(row.accepted for row in later)
        assert "challenge_missed" in raised(line)
