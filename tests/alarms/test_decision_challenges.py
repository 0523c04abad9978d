"""Challenges through the real decision station: a miss stops accepting, and all of it is evidence."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import ANY

import pytest
from pictures import save_picture
from played_line import PlayedLine

from line_inspector.challenge_record import ChallengeOutcome
from line_inspector.part_record import Reason
from line_inspector.records.reading import read_challenges, read_parts
from line_inspector.records.verification import verify


@pytest.fixture
def line(tmp_path: Path, draw_frame) -> Iterator[PlayedLine]:  # type: ignore[no-untyped-def]
    save_picture(tmp_path / "known" / "disc" / "top" / "scratch.png", draw_frame(1))
    challenge = {"frames": "known", "every_min": 0.05, "retry_s": 0.5, "overdue_s": 2}
    played = PlayedLine(tmp_path, challenge=challenge, alarms={"rejects_in_row": 100})
    yield played
    played.close()


def outcomes(line: PlayedLine) -> list[ChallengeOutcome]:
    return [record.outcome for record in read_challenges(line.line.ledger_url)]


def test_a_model_that_accepts_everything_accepts_nothing_after_its_challenge(line: PlayedLine) -> None:
    line.challenge_score = 0.1
    line.until(lambda: line.names() == {"challenge_missed"})
    before = set(line.accepted)
    parts = line.parts(5)
    line.run(0.5)
    assert line.accepted == before == set(), "neither a part nor the challenge is accepted"
    assert line.stop_requested
    line.acknowledge("challenge_missed", "top")
    line.run(0.3)
    parts += line.parts(2)
    line.run(0.5)
    assert line.accepted == set(), "a person alone does not set it going"
    line.restart()
    assert line.names() == {"challenge_missed"}
    parts += line.parts(2)
    line.run(0.5)
    assert line.accepted == set(), "nor does a restart"
    line.challenge_score = 0.9
    line.until(lambda: line.names() == set())
    good = line.parts(3)
    line.until(lambda: set(good) <= line.accepted)
    line.stop()
    rows = {row.part_id: row for row in read_parts(line.line.ledger_url)}
    assert set(rows) == {*parts, *good}, "no challenge is a part"
    assert {rows[part].reason for part in parts} == {Reason.ACCEPTS_STOPPED}
    assert {"missed", "passed"} == set(outcomes(line)) and outcomes(line)[-1] == "passed"
    assert verify(line.line.ledger_url, line.line.archive_dir).faults == []


@pytest.mark.parametrize(
    ("score", "fault", "alarm"), [(0.1, None, "challenge_missed"), (0.9, Reason.TORN_FRAME, "challenge_unanswered")]
)
def test_a_restart_does_not_let_an_easier_defect_stand_for_the_one_that_did_not_pass(
    tmp_path: Path,
    draw_frame,  # type: ignore[no-untyped-def]
    score: float,
    fault: Reason | None,
    alarm: str,
) -> None:
    for number, name in enumerate(("easy.png", "hard, score 1.png")):
        save_picture(tmp_path / "known" / "disc" / "top" / name, draw_frame(number))
    line = PlayedLine(tmp_path, challenge={"frames": "known", "every_min": 0.05, "retry_s": 0.5})
    try:
        line.until(lambda: len(line.challenged) == 1)
        line.challenge_score, line.challenge_fault = score, fault
        line.until(lambda: line.names() == {alarm})
        assert set(line.challenged[1:]) == {"hard, score 1.png"}
        line.takes_challenges = False
        line.restart()
        asked = len(line.challenged)
        line.takes_challenges = True
        line.until(lambda: len(line.challenged) > asked)
        assert line.challenged[asked] == "hard, score 1.png"
    finally:
        line.close()


@pytest.mark.parametrize("acknowledged_before", [False, True])
def test_the_miss_of_a_camera_under_its_old_name_stops_accepting_until_somebody_has_seen_it(
    line: PlayedLine, acknowledged_before: bool
) -> None:
    line.challenge_score = 0.1
    line.until(lambda: line.names() == {"challenge_missed"})
    if acknowledged_before:  # while its cause lasted, and a challenge was to show that it is gone
        line.acknowledge("challenge_missed", "top")
        line.until(lambda: line.shown and line.shown.alarms[0].acknowledged)
    line.rename_camera("upper")
    assert line.names() == {"challenge_missed"} and line.shown and line.shown.alarms[0].subject == "top"
    line.challenge_score = 0.9
    line.until(lambda: len(line.challenged) >= 2)
    line.part()
    line.run(0.3)
    assert line.accepted == set() and line.stop_requested, "the challenges of another camera set nothing going"
    line.acknowledge("challenge_missed", "top", "Berta")
    line.until(lambda: line.names() == set())
    good = line.part()
    line.until(lambda: good in line.accepted)
    line.stop()
    assert line.audited()[-2:] == [
        ("alarm.acknowledge", "challenge_missed top", "Berta"),
        ("alarm.clear", "challenge_missed top", ANY),
    ]


def test_one_that_passes_is_on_record_and_the_report_counts_it(line: PlayedLine) -> None:
    line.until(lambda: len(line.challenged) >= 2)
    good = line.parts(2)
    line.until(lambda: set(good) <= line.accepted)
    line.version = "v2"
    asked = len(line.challenged)
    line.part()
    line.until(lambda: len(line.challenged) > asked)
    line.run(0.2)
    line.stop()
    records = read_challenges(line.line.ledger_url)
    assert {record.outcome for record in records} == {ChallengeOutcome.PASSED}
    assert {"start", "schedule", "model"} >= {record.cause for record in records} >= {"start", "model"}
    assert records[0].frame == "scratch.png" and records[0].score == 0.9 and records[0].model_version == "v1"
    report = _run("ledger", "report", str(line.path), "--json")
    assert report["challenges"] == {"passed": len(records), "missed": 0, "unanswered": 0}
    assert report["triggers"] == report["accepted"] == 3 and report["balanced"]
    found = _run("ledger", "verify", str(line.path), "--json")
    assert found["intact"] and found["challenges"] == len(records)


def test_one_that_is_not_answered_stops_accepting_until_the_repetition_passes(line: PlayedLine) -> None:
    line.challenge_fault = Reason.TORN_FRAME
    line.until(lambda: line.names() == {"challenge_unanswered"})
    line.part()
    line.run(0.3)
    assert line.accepted == set()
    line.challenge_fault = None
    line.until(lambda: line.names() == set())
    good = line.part()
    line.until(lambda: good in line.accepted)


def test_a_restart_does_not_answer_the_one_that_was_not_answered(line: PlayedLine) -> None:
    line.challenge_fault = Reason.TORN_FRAME
    line.until(lambda: line.names() == {"challenge_unanswered"})
    line.takes_challenges = False
    line.restart()
    assert line.names() == {"challenge_unanswered"}
    stopped = line.part()
    line.run(0.3)
    assert line.accepted == set() and line.stop_requested
    line.takes_challenges, line.challenge_fault = True, None
    line.until(lambda: line.names() == set())
    good = line.part()
    line.until(lambda: good in line.accepted)
    line.stop()
    rows = {row.part_id: row.reason for row in read_parts(line.line.ledger_url)}
    assert rows == {stopped: Reason.ACCEPTS_STOPPED, good: Reason.GOOD}


@pytest.mark.slow
def test_one_that_nobody_takes_is_overdue_and_stops_nothing(line: PlayedLine) -> None:
    line.takes_challenges = False
    line.until(lambda: line.names() == {"challenge_overdue"})
    good = line.part()
    line.until(lambda: good in line.accepted)
    line.takes_challenges = True
    line.until(lambda: line.names() == set())


@pytest.mark.slow
def test_the_gate_must_be_seen_rejecting_a_challenge_that_is_looped_back(tmp_path: Path, draw_frame) -> None:  # type: ignore[no-untyped-def]
    save_picture(tmp_path / "known" / "disc" / "top" / "scratch.png", draw_frame(1))
    challenge = {"frames": "known", "every_min": 0.05, "loop_back": True}
    line = PlayedLine(tmp_path, challenge=challenge, alarms={"bin_sensor": True})
    try:
        line.until(lambda: line.looped_back)
        line.run((line.looped_back[0].gate_ns - time.monotonic_ns()) / 1e9)
        line.fall()
        line.run(1.0)
        assert line.names() == set()
        line.until(lambda: line.names() == {"reject_unconfirmed"})
        assert line.shown and line.looped_back[1].part_id in line.shown.alarms[0].detail
    finally:
        line.close()


def _run(*arguments: str) -> dict:  # type: ignore[type-arg]
    done = subprocess.run(
        [sys.executable, "-m", "line_inspector", *arguments], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]
