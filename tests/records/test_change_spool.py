"""Changes reach the audit table once each, whatever happens to database and processes meanwhile."""

import signal
import subprocess
import sys

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from line_inspector.records.audit import change
from line_inspector.records.change_spool import ChangeSpool
from line_inspector.records.database import WritingDatabase
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.reading import reading
from line_inspector.records.schema import audit
from line_inspector.records.verification import verify


def subjects(url):
    with reading(url) as connection:
        return connection.execute(select(audit.c.subject).order_by(audit.c.number)).scalars().all()[1:]


def test_a_change_made_while_the_server_is_down_gets_there_with_the_next_part(
    postgresql, tmp_path, make_record, eventually
):
    url, spool = postgresql.new_database(), ChangeSpool(tmp_path / "changes.spool")
    writer = LedgerWriter(url, tmp_path / "changes.spool")
    postgresql.stop(signal.SIGQUIT)
    spool.add(change("model.rollback", "noted while down", "v2", "v1"))
    with pytest.raises(OperationalError):
        spool.drain(WritingDatabase(url))
    postgresql.start()
    writer.submit(make_record("p"))
    eventually(lambda: spool.is_empty)
    assert writer.close(20)
    assert subjects(url) == ["noted while down"]
    assert verify(url, tmp_path).faults == []


def test_killed_between_commit_and_removal_a_change_is_still_one_row(tmp_path):
    url, path = f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "changes.spool"
    ChangeSpool(path).add(change("a", "one", "", ""))
    taken = path.read_bytes()
    ChangeSpool(path).drain(WritingDatabase(url))
    path.with_name("changes.spool.draining").write_bytes(taken)  # as the kill would have left it
    ChangeSpool(path).add(change("a", "two", "", ""))
    ChangeSpool(path).drain(WritingDatabase(url))
    assert subjects(url) == ["one", "two"]


def test_a_line_that_a_power_cut_tore_does_not_hold_up_the_others(tmp_path):
    url, path = f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "changes.spool"
    path.write_bytes(b'{"key": "to')
    ChangeSpool(path).add(change("a", "whole", "", ""))
    ChangeSpool(path).drain(WritingDatabase(url))
    assert subjects(url) == ["whole"]


def test_many_processes_that_add_and_drain_lose_and_double_nothing(ledger_url, tmp_path):
    program = """
import sys
from pathlib import Path
from line_inspector.records.audit import change
from line_inspector.records.change_spool import ChangeSpool
from line_inspector.records.database import WritingDatabase
spool, database = ChangeSpool(Path(sys.argv[1])), WritingDatabase(sys.argv[2])
for i in range(15):
    spool.add(change("a", f"{sys.argv[3]}-{i}", "", ""))
    spool.drain(database)
"""
    path = tmp_path / "changes.spool"
    WritingDatabase(ledger_url).open().close()
    children = [
        subprocess.Popen([sys.executable, "-c", program, str(path), ledger_url, str(number)]) for number in range(3)
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    ChangeSpool(path).drain(WritingDatabase(ledger_url))
    assert sorted(subjects(ledger_url)) == sorted(f"{number}-{i}" for number in range(3) for i in range(15))
    assert verify(ledger_url, tmp_path).faults == []
