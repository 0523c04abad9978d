"""A part's number without a row is told and explained, and no fault by itself; a row that was taken out is one."""

import re
import sqlite3
from contextlib import closing

from announced import announced, inspected
from ledger_run import run

from line_inspector.decision.parts import PartBook
from line_inspector.messages import Fault
from line_inspector.part_record import Reason
from line_inspector.records.ledger import LedgerWriter
from line_inspector.tracking.window import Reach

MS = 1_000_000
TOLD = "Numbers without a row are no fault by themselves:"


def told(line_file):
    result = run("report", line_file)
    counts = [re.search(rf"{name}\W+(\d+)", result.stdout) for name in ("numbers without a row", "rows taken out")]
    return result.returncode, TOLD in result.stdout, *(int(count[1]) for count in counts)


def write(data_dir, decisions):
    writer = LedgerWriter(f"sqlite:///{data_dir / 'ledger.sqlite'}")
    for decision in decisions:
        writer.submit(decision.record)
    assert writer.close(60)


def test_a_later_part_on_record_leaves_a_gap_until_the_earlier_one_is_decided_or_for_good_if_power_fails_then(
    line_file, tmp_path
):
    book = PartBook(Reach(half_ns=10 * MS, least_half_ns=2 * MS), longest_deadline_ns=80 * MS, started_ns=0)
    parts = [announced(f"top-1-{i:06d}", "top", i * 40 * MS, 100 * MS, 20 * MS, 40 * MS) for i in (1, 2, 3)]
    for part in parts:
        book.announce(part, part.trigger_ns)
    decided = book.verdict(inspected(parts[0]), parts[2].trigger_ns)
    decided += book.fault(Fault(part_id=parts[2].part_id, camera="top", reason=Reason.NO_FRAME, detail=""), 121 * MS)
    write(tmp_path / "data", decided)
    assert told(line_file) == (0, True, 1, 0), "what a power cut leaves now"
    write(tmp_path / "data", book.verdict(inspected(parts[1]), 125 * MS))
    assert told(line_file) == (0, False, 0, 0), "the part was only under way"
    with closing(sqlite3.connect(tmp_path / "data" / "ledger.sqlite")) as connection, connection:
        connection.execute("DELETE FROM parts WHERE part_id = 'top-1-000003'")
    assert told(line_file) == (1, False, 0, 1), "the numbers of parts would not tell"
