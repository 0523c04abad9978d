"""The command as a user runs it."""

import csv
import json
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from line_inspector.images import read_image
from line_inspector.part_record import Reason
from line_inspector.records.database import WritingDatabase
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.retention import Limits, Sweeper

RUN = "import sys; from line_inspector.commands import main; sys.argv[0] = 'line-inspector'; main()"


def run_any(*arguments):
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def run(*arguments):
    return run_any("ledger", *arguments)


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


OVERWRITTEN = [
    ("line.yaml", "is the line file"),
    ("data/ledger.sqlite", "lies in data_dir"),
    ("data/new.png", "lies in data_dir"),
    ("link", "lies in data_dir"),
    ("data/../notes.txt", "is there already, and is no such report"),
]


@pytest.mark.parametrize("option", ["--csv", "--png"])
@pytest.mark.parametrize(("target", "words"), OVERWRITTEN)
def test_a_report_overwrites_nothing_of_the_line_and_no_other_kind_of_file(
    line_file, running_line, tmp_path, option, target, words
):
    (tmp_path / "link").symlink_to(tmp_path / "data" / "ledger.sqlite-wal")
    (tmp_path / "notes.txt").write_text("of the shift")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = run("report", line_file, option, tmp_path / target)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {option} {tmp_path / target}: {words}")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_ledger_outside_of_data_dir_is_not_overwritten_either(line_file, tmp_path):
    ledger = tmp_path / "elsewhere.sqlite"
    line_file.write_text(f"{line_file.read_text()}records: {{ledger: 'sqlite:///{ledger}'}}\n")
    LedgerWriter(f"sqlite:///{ledger}").close(10)
    for target in (ledger, f"{ledger}-wal"):
        result = run("report", line_file, "--png", target)
        assert (result.returncode, result.stderr.count("\n")) == (2, 1)
        assert "is a file of the ledger" in result.stderr
    assert run("verify", line_file).returncode == 0


def test_a_report_goes_over_the_one_before_but_not_both_into_one_file(line_file, running_line, tmp_path):
    arguments = ("report", line_file, "--csv", tmp_path / "s.csv", "--png", tmp_path / "s.png")
    assert [run(*arguments).returncode for _ in range(2)] == [0, 0]
    for option, other in (("--csv", "s.png"), ("--png", "s.csv")):
        assert "is no such report" in run("report", line_file, option, tmp_path / other).stderr
    result = run("report", line_file, "--csv", tmp_path / "both", "--png", tmp_path / "both")
    assert (result.returncode, "is the file of --csv, too" in result.stderr) == (2, True)


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


def test_a_part_as_text_and_as_json(line_file, tmp_path, make_record, make_image):
    writer = LedgerWriter(f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite'}")
    writer.submit(make_record("top-1-000001", accepted=False, reason=Reason.ANOMALY, score=0.75))
    writer.submit_image(make_image("top-1-000001", "2026-03-01/top.png", heat_path="2026-03-01/top.heat.png"))
    writer.submit(make_record("blind", accepted=False, reason=Reason.NO_FRAME, captured_ns=None, score=None))
    assert writer.close(10)
    day = tmp_path / "data" / "archive" / "2026-03-01"
    day.mkdir(parents=True)
    for name in ("top.png", "top.heat.png"):
        (day / name).write_bytes(b"picture")
    found = json.loads(run_any("part", "top-1-000001", line_file, "--json").stdout)
    assert found["ms_since_trigger"] == {
        "captured": 4.0, "inference_start": 10.0, "inference_end": 50.0, "verdict": 52.0, "decided": 53.0,
        "deadline": 900.0, "gate": 1000.0,
    }  # fmt: skip
    told = {key: found[key] for key in ("gate", "reason", "model", "threshold", "score", "fingerprint", "ledger_row")}
    assert told == {
        "gate": "reject", "reason": "anomaly", "model": "v1", "threshold": 0.5, "score": 0.75,
        "fingerprint": "deadbeef", "ledger_row": 1,
    }  # fmt: skip
    assert (found["image"], found["heat"], found["missing"]) == (str(day / "top.png"), str(day / "top.heat.png"), None)
    (day / "top.png").unlink()
    found = json.loads(run_any("part", "top-1-000001", line_file, "--json").stdout)
    assert (found["image"], found["missing"]) == (None, [str(day / "top.png")])
    assert f"missing:\n  {day / 'top.png'}\n" in run_any("part", "top-1-000001", line_file).stdout
    words = [line.split() for line in run_any("part", "blind", line_file).stdout.splitlines()]
    for row in (["reason", "no_frame"], ["captured", "-"], ["deadline", "900.0"], ["image", "-"], ["score", "-"]):
        assert row in words


def test_a_retired_image_is_told_of_as_such(line_file, tmp_path, make_record, make_image):
    url = f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite'}"
    writer = LedgerWriter(url)
    writer.submit(make_record("p"))
    writer.submit_image(make_image("p", "p.png"))
    assert writer.close(10)
    assert Sweeper(tmp_path / "data" / "archive", WritingDatabase(url), Limits(accepts_ns=1)).sweep(time.time_ns())
    assert json.loads(run_any("part", "p", line_file, "--json").stdout)["retired"]["why"] == "age"


def test_an_unknown_part_is_one_line_and_exit_code_1(line_file, running_line):
    result = run_any("part", "nobody", line_file)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "the ledger of line press knows no part 'nobody'\n"


@pytest.mark.parametrize(
    "values",
    ["reason = 'banana'", "trigger_wall_ns = 'hello'", "score = x'00ff'", "views = x'ff'", "hash = x'ff'"],
)
def test_a_row_with_a_value_of_another_kind_is_one_clear_line(line_file, running_line, tmp_path, values):
    with closing(sqlite3.connect(tmp_path / "data" / "ledger.sqlite")) as connection, connection:
        connection.execute(f"UPDATE parts SET {values} WHERE part_id = 'r0'")
    commands = [("part", "r0", line_file), ("part", "r0", line_file, "--json"), ("ledger", "report", line_file)]
    for command in commands[:2] if "hash" in values else commands:
        result = run_any(*command)
        assert (result.returncode, result.stdout) == (2, "")
        assert re.fullmatch(r"error: ledger, part r0: .*line-inspector ledger verify LINE.yaml\n", result.stderr)
    assert "(part_id r0) is not as it was written" in run("verify", line_file).stdout


@pytest.mark.parametrize("period", [[], ["--from", "2026-03-01T05:00:00"], ["--to", "2026-03-01T07:00:00"]])
def test_a_row_taken_out_is_in_the_headline_of_every_kind_of_report(line_file, tmp_path, make_record, period):
    begin_ns = int(datetime.fromisoformat("2026-03-01T06:00:00").timestamp() * 1e9)
    writer = LedgerWriter(f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite'}")
    for i in range(6):
        writer.submit(make_record(f"top-1-{i}", trigger_wall_ns=begin_ns + i * 10**9))
    assert writer.close(10)
    assert run("report", line_file, *period).returncode == 0
    with closing(sqlite3.connect(tmp_path / "data" / "ledger.sqlite")) as connection, connection:
        connection.execute("DELETE FROM parts WHERE part_id = 'top-1-3'")
    headline = "does NOT add up: 5 triggers = 5 accepted + 0 rejected; rows taken out of the ledger: 1"
    result = run("report", line_file, *period, "--csv", tmp_path / "s.csv", "--png", tmp_path / "s.png")
    assert (result.returncode, f"\n{headline}\n" in result.stdout) == (1, True)
    assert (tmp_path / "s.csv").read_text().splitlines()[-1] == headline
    colours = {tuple(pixel) for pixel in read_image(tmp_path / "s.png")[50:90, :600].reshape(-1, 3)[:, ::-1].tolist()}
    assert (0xC2, 0x28, 0x1D) in colours
    result = run("report", line_file, *period, "--json")
    found = json.loads(result.stdout)
    assert (result.returncode, found["adds_up"], found["headline"]) == (1, False, headline)
    assert (found["missing_rows"], found["balanced"]) == (1, True)


def test_what_lies_outside_of_a_reports_time_is_not_missing(line_file, tmp_path, make_record):
    """The clock was set while the line ran: the third part lies a day before its neighbours."""
    begin_ns = int(datetime.fromisoformat("2026-03-01T06:00:00").timestamp() * 1e9)
    writer = LedgerWriter(f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite'}")
    for i, second in enumerate((0, 1, -86_400, 3, 7_200, 7_201)):
        writer.submit(make_record(f"top-1-{i}", trigger_wall_ns=begin_ns + second * 10**9))
    assert writer.close(10)

    def told(begin, end):
        result = run("report", line_file, "--json", "--from", f"2026-03-01T{begin}", "--to", f"2026-03-01T{end}")
        return result.returncode, json.loads(result.stdout)["missing_rows"]

    assert told("05:00:00", "07:00:00") == told("07:00:00", "07:30:00") == told("20:00:00", "21:00:00") == (0, 0)
    with closing(sqlite3.connect(tmp_path / "data" / "ledger.sqlite")) as connection, connection:
        connection.execute("DELETE FROM parts WHERE part_id = 'top-1-4'")
    assert told("07:30:00", "08:30:00") == told("07:00:00", "07:30:00") == (1, 1), "it lay on the border"
    assert told("20:00:00", "21:00:00") == (0, 0)


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


def test_keys_need_a_folder_with_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run_any("keys", "new", "")
    assert (result.returncode, result.stderr) == (2, "error: DIR: is empty. Name the folder to write to\n")
    assert list(tmp_path.iterdir()) == []
