"""The ledger takes every part exactly once, never makes its caller wait, and outlives whatever happens to the file."""

import logging
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from old_ledger import OLD_DDL

from line_inspector.errors import InputError
from line_inspector.part_record import PartRecord, Reason
from line_inspector.records import schema
from line_inspector.records.database import WritingDatabase
from line_inspector.records.journal import Journal
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.reading import read_parts

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture
def open_writer():
    """Opens writers that are closed at the end."""
    writers = []

    def open_one(url):
        writers.append(LedgerWriter(url))
        return writers[-1]

    yield open_one
    for writer in writers:
        writer.close(10)


@contextmanager
def locked(path):
    """Another process holds the database's write lock."""
    command = [sys.executable, "-c", LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        yield
        process.communicate("release\n")
    assert process.returncode == 0


def ids(url):
    return [record.part_id for record in read_parts(url)]


def errors(caplog):
    return [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.ERROR]


def test_the_table_has_a_column_for_every_field_of_a_record():
    names = [field.name for field in msgspec.structs.fields(PartRecord)]
    assert schema.parts.columns.keys() == [*names, "number", "hash"]


def test_what_is_submitted_is_read_back(url, open_writer, make_record, eventually):
    records = [
        make_record("good", trigger_wall_ns=1),
        make_record(
            "blind",
            trigger_wall_ns=2,
            accepted=False,
            reason=Reason.CAMERA_DOWN,
            detail="gone",
            score=None,
            threshold=None,
            captured_ns=None,
            inference_start_ns=None,
            inference_end_ns=None,
            verdict_ns=None,
            fingerprint=None,
            model_version="",
        ),
        make_record("ünï'; DROP TABLE parts; --", trigger_wall_ns=3, score=float("inf")),
    ]
    writer = open_writer(url)
    for record in records:
        writer.submit(record)
    eventually(lambda: writer.pending == 0)
    assert list(read_parts(url)) == records
    assert writer.committed() == [record.part_id for record in records]
    assert writer.committed() == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(data=st.data())
def test_no_record_that_the_bus_lets_through_can_block_the_ledger(tmp_path, make_record, data):
    """Messages may carry any 64-bit number, NaN and any text: each still becomes a row, NUL as its picture."""
    number = st.integers(-(2**63), 2**64 - 1)
    changes = {
        "part_id": data.draw(st.text(st.characters(exclude_categories=["Cs"]))),
        "score": data.draw(st.floats()),
        "detail": data.draw(st.text(st.characters(exclude_categories=["Cs"]))),
    }
    changes |= {name: data.draw(number) for name in ("trigger_wall_ns", "gate_ns", "fingerprint", "verdict_ns")}
    url = f"sqlite:///{tmp_path / 'any.sqlite'}"
    writer = LedgerWriter(url)
    writer.submit(make_record(**changes))
    assert writer.close(10)
    found = {record.part_id for record in read_parts(url)}
    assert changes["part_id"].replace("\0", "\u2400") in found


def test_a_score_that_is_no_number_is_stored_as_none(url, make_record):
    writer = LedgerWriter(url)
    writer.submit(make_record("p", score=float("nan"), accepted=False, reason=Reason.BAD_SCORE))
    assert writer.close(10)
    assert [record.score for record in read_parts(url)] == [None]


def test_a_resend_is_harmless_and_reported_again(url, make_record, make_image):
    first, again = make_record("p", score=0.1), make_record("p", score=0.9, accepted=False, reason=Reason.NO_VERDICT)
    writer = LedgerWriter(url)
    writer.submit(first)
    writer.submit(again)
    assert writer.close(10)
    later = LedgerWriter(url)
    later.submit(again)
    later.submit_image(make_image("p", "day/p.png"))
    later.submit_image(make_image("p", "other/p.png"))
    assert later.close(10)
    assert list(read_parts(url)) == [first]
    assert writer.committed() == ["p", "p"]
    assert later.committed() == ["p"]


def test_many_parts_are_committed_in_order_in_few_groups(url, make_record):
    writer = LedgerWriter(url)
    for i in range(5000):
        writer.submit(make_record(f"p{i}", trigger_wall_ns=i))
    assert writer.close(30)
    expected = [f"p{i}" for i in range(5000)]
    assert writer.committed() == expected
    assert ids(url) == expected


def test_a_lock_held_for_two_seconds_delays_rows_but_not_the_caller(
    tmp_path, url, open_writer, make_record, caplog, eventually
):
    writer = open_writer(url)
    writer.submit(make_record("before"))
    eventually(lambda: writer.pending == 0)
    with locked(tmp_path / "ledger.sqlite"):
        for i in range(1000):
            writer.submit(make_record(f"p{i}"))
        assert writer.pending == 1000  # the lock is held still, so no submission has waited for it
        eventually(lambda: bool(errors(caplog)))
        time.sleep(2)  # several more attempts
        assert writer.pending == 1000
    eventually(lambda: writer.pending == 0)
    assert len(ids(url)) == 1001
    assert len(errors(caplog)) == 1
    assert "ledger.sqlite cannot be written (database is locked)" in errors(caplog)[0]
    eventually(lambda: "over after" in caplog.text)


@pytest.mark.parametrize("exists", [True, False])
def test_a_ledger_that_is_locked_at_the_start_is_written_later(
    tmp_path, url, make_record, open_writer, eventually, exists
):
    if exists:
        LedgerWriter(url).close(10)
    with locked(tmp_path / "ledger.sqlite"):
        writer = open_writer(url)
        writer.submit(make_record("p"))
        assert writer.pending == 1
    eventually(lambda: writer.pending == 0)
    assert ids(url) == ["p"]


def test_close_gives_up_in_time_and_the_rows_are_not_reported(tmp_path, url, make_record, eventually):
    writer = LedgerWriter(url)
    with locked(tmp_path / "ledger.sqlite"):
        writer.submit(make_record("p"))
        assert not writer.close(0.2)
        eventually(lambda: all(thread.name != "ledger" for thread in threading.enumerate()))
        assert writer.pending == 1
        assert writer.committed() == []
    assert ids(url) == []


def test_a_full_disk_is_one_line_in_the_log_and_no_row_is_lost(
    small_disk, open_writer, make_record, caplog, eventually
):
    url = f"sqlite:///{small_disk.folder / 'ledger.sqlite'}"
    writer = open_writer(url)
    writer.submit(make_record("before"))
    eventually(lambda: writer.pending == 0)
    small_disk.fill()
    for i in range(100):
        writer.submit(make_record(f"p{i}", detail="d" * 300))
    eventually(lambda: bool(errors(caplog)))
    time.sleep(0.5)  # several more attempts
    assert len(errors(caplog)) == 1
    assert "Traceback" not in caplog.text
    assert 0 < writer.pending <= 100
    small_disk.free()
    eventually(lambda: writer.pending == 0)
    assert sorted(ids(url)) == sorted(["before", *(f"p{i}" for i in range(100))])
    assert sorted(writer.committed()) == sorted(ids(url))


@pytest.mark.parametrize("suffixes", [("",), ("", "-wal", "-shm")])
def test_a_file_that_vanishes_is_made_anew_and_rows_still_waiting_go_there(
    tmp_path, url, open_writer, make_record, caplog, eventually, suffixes
):
    writer = open_writer(url)
    writer.submit(make_record("lost with the file"))
    eventually(lambda: writer.pending == 0)
    for suffix in suffixes:
        (tmp_path / f"ledger.sqlite{suffix}").unlink()
    for i in range(10):
        writer.submit(make_record(f"p{i}"))
    eventually(lambda: writer.pending == 0)
    assert set(ids(url)) >= {f"p{i}" for i in range(10)}
    assert len(errors(caplog)) == 1
    assert "removed or replaced" in errors(caplog)[0]


def test_a_file_that_is_overwritten_with_garbage_is_an_outage(
    tmp_path, url, open_writer, make_record, caplog, eventually
):
    writer = open_writer(url)
    writer.submit(make_record("before"))
    eventually(lambda: writer.pending == 0)
    replacement = tmp_path / "garbage"
    replacement.write_bytes(b"garbage " * 1000)
    replacement.replace(tmp_path / "ledger.sqlite")
    writer.submit(make_record("during"))
    eventually(lambda: bool(errors(caplog)))
    assert writer.pending == 1
    for path in tmp_path.glob("ledger.sqlite*"):
        path.unlink()
    eventually(lambda: writer.pending == 0)
    assert ids(url) == ["during"]


def test_kill_9_of_the_writing_process_loses_nothing_that_was_committed_or_appended(tmp_path, url, make_record):
    program = """
import itertools, sys, time
import msgspec
from pathlib import Path
from line_inspector.part_record import PartRecord
from line_inspector.records.database import WritingDatabase
from line_inspector.records.journal import Journal
from line_inspector.records.ledger import LedgerWriter
record = msgspec.msgpack.decode(bytes.fromhex(sys.argv[3]), type=PartRecord)
journal, ledger = Journal(Path(sys.argv[1])), LedgerWriter(sys.argv[2])
for old in journal.recovered:
    ledger.submit(old)
for number in itertools.count():
    part = msgspec.structs.replace(record, part_id=f"{sys.argv[4]}-{number}", trigger_wall_ns=number)
    journal.append(part)
    print("appended", part.part_id, flush=True)
    ledger.submit(part)
    for part_id in (done := ledger.committed()):
        print("committed", part_id, flush=True)
    journal.retire(done)
    time.sleep(0.0005)
"""
    encoded = msgspec.msgpack.encode(make_record("template")).hex()
    appended, committed = set(), set()
    for life, lines in enumerate((3, 200, 900, 40)):
        command = [sys.executable, "-c", program, str(tmp_path / "journal"), url, encoded, str(life)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            said = [child.stdout.readline() for _ in range(lines)]
            child.send_signal(signal.SIGKILL)
            said += child.stdout.readlines()
        words = [line.split() for line in said if line.endswith("\n")]
        appended |= {part_id for what, part_id in words if what == "appended"}
        committed |= {part_id for what, part_id in words if what == "committed"}
        in_ledger = set(ids(url))
        journal = Journal(tmp_path / "journal")
        journal.close()
        assert committed <= in_ledger
        assert appended <= in_ledger | {record.part_id for record in journal.recovered}
    assert committed
    writer, journal = LedgerWriter(url), Journal(tmp_path / "journal")
    for record in journal.recovered:
        writer.submit(record)
    assert writer.close(20)
    assert appended <= set(ids(url))
    assert len(ids(url)) - len(appended) <= 4  # in each life one part may have been appended and not announced
    assert all(
        record == make_record(record.part_id, trigger_wall_ns=int(record.part_id.split("-")[1]))
        for record in read_parts(url)
    )


def test_a_file_that_is_no_database_is_bad_input(tmp_path, url):
    (tmp_path / "ledger.sqlite").write_text("minutes of the meeting\n" * 100)
    with pytest.raises(InputError, match=r"ledger\.sqlite: file is not a database"):
        LedgerWriter(url)
    assert (tmp_path / "ledger.sqlite").read_text().startswith("minutes")


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("CREATE TABLE invoices (id INTEGER)", "another program's tables"),
        ("CREATE TABLE parts (part_id TEXT PRIMARY KEY, colour TEXT)", "table parts has another schema .*colour"),
    ],
)
def test_a_database_with_another_schema_is_bad_input(tmp_path, url, statement, complaint):
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection:
        connection.execute(statement)
    with pytest.raises(InputError, match=complaint):
        LedgerWriter(url)


def test_a_start_of_the_first_version_that_was_killed_between_two_tables_is_finished(
    tmp_path, url, make_record, make_image
):
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection:
        connection.execute(OLD_DDL[0])
    writer = LedgerWriter(url)
    writer.submit(make_record("p"))
    writer.submit_image(make_image("p", "p.png"))
    assert writer.close(10)


@pytest.mark.parametrize(
    "bad", ["sqlite://", "sqlite:///:memory:", "postgresql://plant/ledger", "mysql://a/b", "no url", ""]
)
def test_a_url_that_names_no_ledger_is_bad_input(bad):
    with pytest.raises(InputError):
        LedgerWriter(bad)


def test_a_password_is_not_shown():
    for url in ("postgresql://inspector:secret@plant/ledger", "postgresql+psycopg://inspector:secret@plant:port/x"):
        with pytest.raises(InputError) as caught:
            LedgerWriter(url)
        assert "secret" not in str(caught.value)


def test_a_folder_or_an_impossible_path_is_bad_input(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "ledger.sqlite"):
        with pytest.raises(InputError):
            LedgerWriter(f"sqlite:///{path}")


def test_it_runs_in_wal_mode_and_syncs_every_commit(url):
    connection = WritingDatabase(url).open()
    assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    connection.close()
