"""ledger.py: what became of alarms and challenges is not lost when a process ends while its database is down."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
from sqlalchemy import select

from line_inspector.challenge_record import ChallengeOutcome, ChallengeRecord
from line_inspector.part_record import Reason
from line_inspector.records.audit import change
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.reading import read_challenges, reading
from line_inspector.records.schema import audit
from line_inspector.records.verification import verify

MISSED = ChallengeRecord(
    part_id="challenge:top-1-000001",
    camera="top",
    frame="scratch.png",
    cause="shift",
    asked_wall_ns=1,
    decided_wall_ns=2,
    outcome=ChallengeOutcome.MISSED,
    reason=Reason.GOOD,
    detail="",
    score=0.1,
    threshold=0.5,
    model_version="v1",
    fingerprint=1,
)


def test_they_wait_in_the_spool_and_are_in_the_audit_table_after_the_next_start(tmp_path: Path) -> None:
    path, spool = tmp_path / "ledger.sqlite", tmp_path / "changes.spool"
    url = f"sqlite:///{path}"
    assert LedgerWriter(url, spool).close(10)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        writer = LedgerWriter(url, spool)
        for number in range(60):  # more than one group
            writer.submit_change(change("alarm.raise", f"bin_full {number}", "", "critical"))
        writer.submit_challenge(MISSED)
        assert not writer.close(0.3)
    assert LedgerWriter(url, spool).close(10)
    with reading(url) as connection:
        rows = connection.execute(select(audit).order_by(audit.c.number)).mappings().all()
    raised = [row["subject"] for row in rows if row["action"] == "alarm.raise"]
    assert raised == [f"bin_full {number}" for number in range(60)]
    assert read_challenges(url) == [MISSED]
    assert not spool.exists() and verify(url, tmp_path).faults == []


KILLED = """
import sys, time
from pathlib import Path
import msgspec
from line_inspector.challenge_record import ChallengeRecord
from line_inspector.records.audit import change
from line_inspector.records.ledger import LedgerWriter
writer = LedgerWriter(sys.argv[1], Path(sys.argv[2]))
writer.submit_change(change("alarm.raise", "bin_full first", "", "critical"))
writer.submit_challenge(msgspec.json.decode(sys.argv[3], type=ChallengeRecord))
time.sleep(0.5)  # the ledger's thread is deep in its first try
writer.submit_change(change("alarm.raise", "bin_full second", "", "critical"))
time.sleep(60)
"""


def test_they_outlive_a_process_that_is_killed_while_the_database_is_down(tmp_path: Path, eventually) -> None:  # type: ignore[no-untyped-def]
    path, spool = tmp_path / "ledger.sqlite", tmp_path / "changes.spool"
    url = f"sqlite:///{path}"
    assert LedgerWriter(url, spool).close(10)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        command = [sys.executable, "-c", KILLED, url, str(spool), msgspec.json.encode(MISSED).decode()]
        with subprocess.Popen(command) as decision:
            eventually(lambda: spool.exists() and b"second" in spool.read_bytes())
            decision.kill()
    assert LedgerWriter(url, spool).close(10)
    with reading(url) as connection:
        subjects = connection.execute(select(audit.c.subject).where(audit.c.action == "alarm.raise")).scalars().all()
    assert sorted(subjects) == ["bin_full first", "bin_full second"] and read_challenges(url) == [MISSED]
    assert not spool.exists() and verify(url, tmp_path).faults == []


def test_a_disk_on_which_the_spool_finds_no_room_keeps_nothing_from_the_database(tmp_path: Path) -> None:
    url, spool = f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "gone" / "changes.spool"
    (tmp_path / "gone").touch()  # no folder: nothing can be written in it
    writer = LedgerWriter(url, spool)
    writer.submit_change(change("alarm.raise", "journal_down", "", "critical"))
    writer.submit_challenge(MISSED)
    assert writer.close(10)
    with reading(url) as connection:
        assert "journal_down" in connection.execute(select(audit.c.subject)).scalars().all()
    assert read_challenges(url) == [MISSED]
