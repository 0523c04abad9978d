"""What a report never writes over."""

import pytest
from ledger_run import run

from line_inspector.records.ledger import LedgerWriter

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
