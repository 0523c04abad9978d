"""The command as a user runs it."""

import csv
import json
import re
import sqlite3
import time
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from ledger_run import run

from line_inspector.images import read_image
from line_inspector.records.ledger import LedgerWriter


def test_json_while_the_line_runs(line_file, running_line):
    result = run(line_file, "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert {key: found[key] for key in ("line", "triggers", "accepted", "rejected", "late_decisions")} == {
        "line": "press",
        "triggers": 4,
        "accepted": 2,
        "rejected": 2,
        "late_decisions": 0,
    }
    assert found["by_reason"] == {"anomaly": 1, "camera_down": 1}
    assert found["latency_ms"]["inference"] == {"count": 4, "p50": 40.0, "p90": 40.0, "p99": 40.0, "max": 40.0}
    assert datetime.fromisoformat(found["first_trigger"]) < datetime.fromisoformat(found["last_trigger"])


def test_since_leaves_older_parts_out(line_file, running_line):
    an_hour_ago = datetime.fromtimestamp(time.time() - 3600).isoformat(timespec="seconds")
    assert json.loads(run(line_file, "--json", "--from", an_hour_ago).stdout)["triggers"] == 3


@pytest.mark.parametrize(
    ("since", "zone"),
    [("2300-01-01", "UTC"), ("0001-01-01", "Pacific/Auckland"), ("9999-12-31", "America/New_York")],
)
def test_a_time_that_no_ledger_can_hold_is_one_clear_line(line_file, running_line, monkeypatch, since, zone):
    monkeypatch.setenv("TZ", zone)
    result = run(line_file, "--from", since)
    assert result.returncode == 2
    assert result.stderr == (
        f"error: --from {since} 00:00:00: is a time that no ledger can hold. Give one from 1678 to 2261\n"
    )
    assert result.stdout == ""


def test_the_first_and_last_years_of_a_ledger_can_be_asked_for(line_file, running_line):
    for since, triggers in (("1678-01-01", 4), ("2261-12-31", 0)):
        assert json.loads(run(line_file, "--json", "--from", since).stdout)["triggers"] == triggers


def test_the_table_for_people(line_file, running_line):
    result = run(line_file)
    assert result.returncode == 0, result.stderr
    words = [line.replace("│", " ").split() for line in result.stdout.splitlines()]
    for row in (["triggers", "4"], ["rejected", "2"], ["camera_down", "1"], ["inference", "4", *["40.0"] * 4]):
        assert row in words, result.stdout


def test_no_ledger_yet_is_one_clear_line(line_file, tmp_path):
    result = run(line_file)
    assert result.returncode == 2
    assert result.stderr == (
        f"error: {tmp_path / 'data' / 'ledger.sqlite'}: there is no ledger yet."
        " Run the line first, or check records.ledger\n"
    )
    assert result.stdout == ""


def test_an_empty_ledger_is_no_error(line_file, tmp_path):
    LedgerWriter(f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite'}").close(10)
    assert json.loads(run(line_file, "--json").stdout)["triggers"] == 0
    assert run(line_file).returncode == 0


def test_report_is_what_ledger_does_unless_told(line_file, running_line):
    assert run("report", line_file, "--json").stdout == run(line_file, "--json").stdout != ""


def test_a_shift_as_table_chart_and_equation(line_file, running_line, tmp_path):
    line_file.write_text(f'{line_file.read_text()}records: {{shifts: {{all: "00:00-23:59", none: "00:00-00:01"}}}}\n')
    result = run("report", line_file, "--shift", "all", "--csv", tmp_path / "s.csv", "--png", tmp_path / "s.png")
    assert result.returncode == 0, result.stderr
    assert "3 triggers = 1 accepted + 2 rejected" in result.stdout
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[-1] == {
        "from": "total", "triggers": "3", "accepted": "1", "rejected": "2", "anomaly": "1", "camera_down": "1"
    }  # fmt: skip
    picture = read_image(tmp_path / "s.png")
    assert picture.shape[1] == 1000
    colours = {tuple(pixel) for pixel in picture.reshape(-1, 3)[:, ::-1].tolist()}
    assert {(0x3A, 0x8F, 0x5C), (0xC2, 0x28, 0x1D)} <= colours
    yesterday = (datetime.now() - timedelta(days=1)).date().isoformat()
    assert json.loads(run("report", line_file, "--shift", "all", "--day", yesterday, "--json").stdout)["triggers"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--shift", "late"], "no shift 'late' in the line file. Add records.shifts"),
        (["--day", "2026-01-01"], "Add --shift NAME"),
        (["--shift", "late", "--from", "2026-01-01"], "Give one or the other"),
    ],
)
def test_a_shift_that_is_not_clear_is_one_line(line_file, running_line, arguments, words):
    result = run("report", line_file, *arguments)
    assert result.returncode == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_empty_ledger_has_a_table_and_a_chart(line_file, tmp_path):
    LedgerWriter(f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite'}").close(10)
    assert run("report", line_file, "--csv", tmp_path / "s.csv", "--png", tmp_path / "s.png").returncode == 0
    assert (tmp_path / "s.csv").read_text().splitlines() == ["from,triggers,accepted,rejected", "total,0,0,0"]
    assert read_image(tmp_path / "s.png").shape[1] == 1000


def test_verify_names_the_row_that_somebody_changed(line_file, running_line, tmp_path):
    result = run("verify", line_file)
    assert (result.returncode, result.stderr) == (0, "")
    head = re.search(r"parts: 4 rows hold, head (\w{64})\n", result.stdout)[1]
    assert json.loads(run("verify", line_file, "--head", head, "--json").stdout)["intact"] is True
    with closing(sqlite3.connect(tmp_path / "data" / "ledger.sqlite")) as connection, connection:
        connection.execute("UPDATE parts SET accepted = 1, reason = 'good' WHERE part_id = 'r0'")
    result = run("verify", line_file)
    assert result.returncode == 1
    assert "broken: parts: row 3 (part_id r0) is not as it was written\n" in result.stdout
    result = run("verify", line_file, "--head", head, "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["intact"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "LINE", "--from", "2026-03-02", "--to", "2026-03-01"], "is not before --to 2026-03-01 00:00:00"),
        (["verify", "LINE", "--head", "zz"], "--head zz: is not a hash"),
    ],
)
def test_what_cannot_be_meant_is_one_line(line_file, running_line, arguments, words):
    result = run(*(line_file if word == "LINE" else word for word in arguments))
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert words in result.stderr
