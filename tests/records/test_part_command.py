"""`line-inspector part`, and rows that nobody can have written."""

import json
import re
import sqlite3
import time
from contextlib import closing

import pytest
from ledger_run import run, run_any

from line_inspector.part_record import Reason
from line_inspector.records.database import WritingDatabase
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.retention import Limits, Sweeper


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
    archive = line_file.parent / "data" / "archive"
    assert result.stderr == (
        f"the ledger of line press knows no part 'nobody': the page shows ids, and pictures in {archive} are named by"
        " them; the newest is 'r1'\n"
    )


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
