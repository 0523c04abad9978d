"""A real server that is stopped, killed and stalled under a writer: nothing is lost, nobody waits."""

import logging
import signal
import sys
import time

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from line_inspector.errors import InputError
from line_inspector.part_record import Reason
from line_inspector.records.database import store_of
from line_inspector.records.journal import Journal
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.reading import good_frames, read_parts
from line_inspector.records.schema import parts, row_of


@pytest.fixture
def url(postgresql):
    return postgresql.new_database()


@pytest.fixture
def running_again(postgresql):
    """The server runs at the end, whatever the test has done to it."""
    yield postgresql
    postgresql.resume()
    if not postgresql._answers():
        postgresql.stop(signal.SIGQUIT)
        postgresql.start()


def ids(url):
    return [record.part_id for record in read_parts(url)]


def test_what_is_submitted_is_read_back(url, make_record, make_image, tmp_path):
    odd = "ünï'; DROP TABLE parts; --"
    records = [
        make_record("good", trigger_wall_ns=1),
        make_record("nan", trigger_wall_ns=2, accepted=False, reason=Reason.BAD_SCORE, score=None),
        make_record(odd, trigger_wall_ns=3, score=float("inf"), accepted=False, reason=Reason.ANOMALY),
        make_record("big", trigger_wall_ns=2**63 - 1, fingerprint=-(2**63)),
    ]
    writer = LedgerWriter(url)
    for record in records:
        writer.submit(record)
    writer.submit(make_record("good", trigger_wall_ns=99))
    writer.submit_image(make_image("good", "good.png"))
    (tmp_path / "good.png").write_bytes(b"picture")
    assert writer.close(20)
    assert list(read_parts(url)) == records
    assert writer.committed() == [*(record.part_id for record in records), "good"]
    assert good_frames(url, tmp_path, ["v1"], 5) == [tmp_path / "good.png"]


@pytest.mark.parametrize(
    "changes", [{"part_id": "a\0b"}, {"detail": "\0"}, {"score": float("nan")}, {"gate_ns": 2**64}]
)
def test_what_postgresql_cannot_hold_does_not_block_the_ledger(url, make_record, changes):
    writer = LedgerWriter(url)
    record = make_record(**{"part_id": "p", **changes})
    writer.submit(record)
    writer.submit(make_record("next"))
    assert writer.close(20)
    assert writer.committed() == [record.part_id, "next"]
    assert len(ids(url)) == 2


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_parts_decided_while_the_server_is_down_wait_in_the_journal_and_are_drained(
    running_again, url, make_record, tmp_path, caplog, eventually, how
):
    journal, writer = Journal(tmp_path / "journal"), LedgerWriter(url)

    def decide(part_id):
        record = make_record(part_id)
        began_s = time.monotonic()
        journal.append(record)
        writer.submit(record)
        return time.monotonic() - began_s

    def settle():
        journal.retire(writer.committed())
        return len(journal) == 0

    decide("before")
    eventually(settle)
    running_again.stop(how)
    longest_s = max(decide(f"down-{i}") for i in range(500))
    eventually(lambda: any("cannot be written" in entry.getMessage() for entry in caplog.records))
    settle()
    assert len(journal) == 500
    assert longest_s < 0.2
    assert not writer.close(0.2)  # the process ends while the server is still down ...
    journal.close()
    errors = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "s3cret" not in caplog.text
    later, journal = LedgerWriter(url), Journal(tmp_path / "journal")  # ... and so does its successor start
    assert [record.part_id for record in journal.recovered] == [f"down-{i}" for i in range(500)]
    for record in journal.recovered:
        later.submit(record)
    running_again.start()
    eventually(lambda: later.pending == 0)
    journal.retire(later.committed())
    assert len(journal) == 0
    assert later.close(20)
    journal.close()
    assert sorted(ids(url)) == sorted(["before", *(f"down-{i}" for i in range(500))])


def test_a_stalled_server_holds_up_nobody_who_submits(running_again, url, make_record, eventually):
    writer = LedgerWriter(url)
    writer.submit(make_record("before"))
    eventually(lambda: writer.pending == 0)
    running_again.stall()
    began_s = time.monotonic()
    for i in range(1000):
        writer.submit(make_record(f"p{i}"))
    assert time.monotonic() - began_s < 1
    assert writer.pending == 1000
    running_again.resume()
    eventually(lambda: writer.pending == 0)
    assert writer.close(20)
    assert len(ids(url)) == 1001


def test_a_server_that_is_stalled_at_the_start_is_not_waited_for(running_again, url, make_record, eventually):
    LedgerWriter(url).close(20)
    running_again.stall()
    began_s = time.monotonic()
    writer = LedgerWriter(url)
    writer.submit(make_record("p"))
    assert time.monotonic() - began_s < 4
    running_again.resume()
    eventually(lambda: writer.pending == 0)
    assert writer.close(20)


def test_without_the_driver_the_extra_is_named(postgresql, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(InputError, match=r"psycopg is not installed.*line-inspector\[postgresql\]"):
        LedgerWriter(postgresql.url("any"))


def test_a_wrong_password_is_an_outage_that_does_not_show_it(url, make_record, caplog):
    writer = LedgerWriter(url.replace("s3cret", "gu3ss"))
    writer.submit(make_record("p"))
    assert not writer.close(0.5)
    assert "password authentication failed" in caplog.text
    assert "gu3ss" not in caplog.text
    with pytest.raises(InputError, match="password authentication failed") as caught:
        list(read_parts(url.replace("s3cret", "gu3ss")))
    assert "gu3ss" not in str(caught.value)


def test_a_reader_cannot_write(url, make_record):
    LedgerWriter(url).close(20)
    with store_of(url).reading_engine().connect() as connection, pytest.raises(DBAPIError, match="read-only"):
        connection.execute(parts.insert(), [row_of(make_record("x"))])


def test_a_database_that_cannot_hold_every_text_is_refused(postgresql, url):
    other = postgresql.new_database().rsplit("/", 1)[0] + "/latin"
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0"))
    with pytest.raises(InputError, match="encoding is LATIN1.*ENCODING 'UTF8'"):
        LedgerWriter(other)
