"""ledger.py: what became of alarms and challenges is not lost when a process ends while its database is down."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from line_inspector.challenge_record import ChallengeOutcome, ChallengeRecord
from line_inspector.part_record import Reason
from line_inspector.records.audit import change
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.reading import reading
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
    (challenged,) = [row for row in rows if row["action"] == "challenge"]
    assert challenged["subject"] == "top scratch.png" and challenged["new"].startswith("missed: good, score 0.1")
    assert not spool.exists() and verify(url, tmp_path).faults == []
