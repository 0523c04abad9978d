"""A row that is missing is in the headline of every kind of report."""

import json
import sqlite3
from contextlib import closing
from datetime import datetime

import pytest
from ledger_run import run

from line_inspector.images import read_image
from line_inspector.records.ledger import LedgerWriter


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
