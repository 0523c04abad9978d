"""The command as a user runs it."""

import json
import subprocess
import sys
import time
from datetime import datetime

import pytest

from line_inspector.messages import Reason
from line_inspector.records.ledger import LedgerWriter

RUN = "import sys; from line_inspector.commands import main; sys.argv[0] = 'line-inspector'; main()"


def run(*arguments):
    command = [sys.executable, "-c", RUN, "ledger", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def line_file(tmp_path):
    path = tmp_path / "line.yaml"
    path.write_text(
        "line: press\nrecipe: disc\ndata_dir: data\nbelt: {speed_mm_s: 250}\n"
        "cameras: {top: {source: {kind: simulated}, trigger: {kind: line}, to_gate_mm: 300}}\n"
    )
    return path


@pytest.fixture
def running_line(tmp_path, make_record, eventually):
    """A ledger with four parts, its writer still open, as while the line runs."""
    writer = LedgerWriter(f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite'}")
    now_ns = time.time_ns()
    writer.submit(make_record("old", trigger_wall_ns=now_ns - 86_400 * 10**9))
    writer.submit(make_record("a", trigger_wall_ns=now_ns))
    for i, reason in enumerate((Reason.ANOMALY, Reason.CAMERA_DOWN)):
        writer.submit(make_record(f"r{i}", trigger_wall_ns=now_ns, accepted=False, reason=reason))
    eventually(lambda: writer.pending == 0)
    yield
    writer.close(10)


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
