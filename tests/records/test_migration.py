"""A ledger that an older program made loses no row, one of a newer program is refused, and the schema is one."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from old_ledger import write_old_ledger
from sqlalchemy import create_engine, select, text

from line_inspector.challenge_record import ChallengeOutcome, ChallengeRecord
from line_inspector.errors import InputError
from line_inspector.part_record import Reason
from line_inspector.records.database import WritingDatabase, store_of
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.migration import SCRIPTS
from line_inspector.records.reading import read_challenges, read_parts, reading
from line_inspector.records.schema import SCHEMA_VERSION, archive_files, audit, metadata, parts
from line_inspector.records.verification import verify

CHALLENGE = ChallengeRecord(
    part_id="challenge:top-1-000001",
    camera="top",
    frame="scratch.png",
    cause="start",
    asked_wall_ns=1,
    decided_wall_ns=2,
    outcome=ChallengeOutcome.PASSED,
    reason=Reason.ANOMALY,
    detail="",
    score=0.9,
    threshold=0.5,
    model_version="v1",
    fingerprint=1,
)


def rows(url, table):
    with reading(url) as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def test_an_old_ledger_keeps_every_row_and_goes_on(tmp_path, make_record):
    path = tmp_path / "ledger.sqlite"
    write_old_ledger(path, 300)
    url = f"sqlite:///{path}"
    with pytest.raises(InputError, match="older version .*Start the line once"):
        list(read_parts(url))
    writer = LedgerWriter(url)
    writer.submit(make_record("new", trigger_wall_ns=10**15))
    assert writer.close(10)
    records = list(read_parts(url))
    assert [record.part_id for record in records] == [*(f"old-{i}" for i in range(300)), "new"]
    assert sum(record.accepted for record in records) == 201
    assert records[7].trigger_wall_ns == 8_000_000_000
    chained = {row["part_id"]: row["number"] for row in rows(url, parts) if row["number"] is not None}
    assert chained == {"new": 1}
    images = rows(url, archive_files)
    assert len(images) == 150
    assert all(image["trigger_wall_ns"] == 1_000_000_000 * (int(image["part_id"][4:]) + 1) for image in images)
    assert {image["accepted"] for image in images} == {True, False}
    assert not any(image["removed"] for image in images)
    (row,) = rows(url, audit)
    assert (row["action"], row["old"]) == ("ledger.migrate", "none")
    assert row["new"] == f"{SCHEMA_VERSION}, 300 parts from before the chain"


def test_what_migrations_make_is_what_the_program_expects(ledger_url):
    database = WritingDatabase(ledger_url)
    context = MigrationContext.configure(database.open())
    assert compare_metadata(context, metadata) == []
    database.close()


def test_the_schema_version_is_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_VERSION]


def test_a_ledger_of_a_newer_program_is_refused_in_one_line_and_left_alone(ledger_url):
    WritingDatabase(ledger_url).open().close()
    with create_engine(ledger_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (LedgerWriter, lambda url: list(read_parts(url))):
        with pytest.raises(InputError, match=r"newer version of Line Inspector \(schema 9999.*Update") as caught:
            use(ledger_url)
        assert "\n" not in str(caught.value)
    with create_engine(ledger_url).connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def test_another_programs_database_is_refused_and_left_alone(ledger_url):
    store_of(ledger_url).make_place()
    with create_engine(ledger_url).begin() as connection:
        connection.execute(text("CREATE TABLE invoices (id INTEGER)"))
    with pytest.raises(InputError, match="another program's tables"):
        LedgerWriter(ledger_url)
    with create_engine(ledger_url).connect() as connection:
        assert not connection.dialect.has_table(connection, "parts")


def test_two_that_start_at_once_migrate_once(ledger_url):
    program = "import sys; from line_inspector.records.ledger import LedgerWriter; LedgerWriter(sys.argv[1]).close(20)"
    children = [subprocess.Popen([sys.executable, "-c", program, ledger_url]) for _ in range(2)]
    assert [child.wait(60) for child in children] == [0, 0]
    assert [row["action"] for row in rows(ledger_url, audit)] == ["ledger.migrate"]


@pytest.mark.parametrize("statement", range(1, 16, 3))
def test_a_migration_that_is_killed_has_changed_nothing_or_all(tmp_path, statement):
    """The child dies before its n-th statement, whichever that is."""
    path = tmp_path / "ledger.sqlite"
    write_old_ledger(path, 20)
    pid = os.fork()
    if pid == 0:
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        left = [statement]

        def count(*_arguments):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "before_cursor_execute", count)
        WritingDatabase(f"sqlite:///{path}").open()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM parts").fetchone() == (20,)
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == {"parts", "archive_files"}
    LedgerWriter(f"sqlite:///{path}").close(10)
    assert len(list(read_parts(f"sqlite:///{path}"))) == 20


@pytest.mark.parametrize("version", ["0002", "0003"])
def test_a_ledger_from_before_views_or_challenges_goes_on_with_its_chain(tmp_path, make_record, version):
    path = tmp_path / "ledger.sqlite"
    url = f"sqlite:///{path}"
    writer = LedgerWriter(url)
    writer.submit(make_record("before"))
    assert writer.close(10)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE challenges")
        if version < "0003":
            connection.execute("ALTER TABLE parts DROP COLUMN views")
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.commit()
    writer = LedgerWriter(url)
    writer.submit(make_record("after", views="[]"))
    writer.submit_challenge(CHALLENGE)
    assert writer.close(10)
    assert {record.part_id: record.views for record in read_parts(url)} == {"before": "", "after": "[]"}
    found = verify(url, tmp_path)
    assert (found.faults, found.chained_parts, found.unchained_parts, found.challenges) == ([], 2, 0, 1)
    assert read_challenges(url) == [CHALLENGE]
    assert rows(url, audit)[-1]["new"] == f"{SCHEMA_VERSION}, 0 parts from before the chain"
