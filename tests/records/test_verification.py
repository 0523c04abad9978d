"""Whoever changes the database by hand is found out, on both kinds of it, as far as a hash chain can tell."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from old_ledger import write_old_ledger
from sqlalchemy import create_engine, select, text

from line_inspector.part_record import Reason
from line_inspector.records.audit import append_changes, append_settings, change
from line_inspector.records.chain import PART_FIELDS, START, ChainWalk, chained, row_hash
from line_inspector.records.database import WritingDatabase
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.retention import Limits, Sweeper
from line_inspector.records.schema import archive_files, audit, parts
from line_inspector.records.verification import verify


@pytest.fixture
def altered(ledger_url, tmp_path, make_record, make_image):
    """Ten parts, of which the even ones are rejects, in three groups; three changes; then somebody's statement."""
    for group in (range(4), range(4, 7), range(7, 10)):
        writer = LedgerWriter(ledger_url)
        for i in group:
            good, reason = bool(i % 2), Reason.GOOD if i % 2 else Reason.ANOMALY
            record = make_record(f"p{i}", accepted=good, reason=reason, score=0.25 if good else 0.75, gate_ns=10**9 + i)
            writer.submit(record)
        assert writer.close(20)
    database = WritingDatabase(ledger_url)
    with database.transaction() as connection:
        append_changes(connection, [change("model.publish", "recipe disc", f"v{i}", f"v{i + 1}") for i in range(2)])
    database.close()

    def by(*statements, heads=()):
        with create_engine(ledger_url).begin() as connection:
            for statement in statements:
                assert connection.execute(text(statement)).rowcount
        return verify(ledger_url, tmp_path, heads)

    return by


def test_a_ledger_that_nobody_touched_is_intact(altered):
    found = altered()
    assert found.faults == []
    assert (found.audit_rows, found.chained_parts, found.unchained_parts) == (3, 10, 0)
    assert len({found.audit_head, found.parts_head, START}) == 3


def test_what_each_camera_saw_is_in_the_chain_and_rows_without_it_keep_their_hash(ledger_url, tmp_path, make_record):
    writer = LedgerWriter(ledger_url)
    views = '[{"camera":"side","reason":"good"}]'
    for record in (make_record("alone"), make_record("joined", views=views)):
        writer.submit(record)
    assert writer.close(20)
    with create_engine(ledger_url).connect() as connection:
        rows = list(connection.execute(select(parts).order_by(parts.c.number)).mappings())
    before = [rows[0][name] for name in PART_FIELDS if name != "views"]  # as it was hashed before there were views
    assert rows[0]["views"] is None and rows[0]["hash"] == row_hash(START, before)
    assert rows[1]["hash"] == row_hash(rows[0]["hash"], [rows[1][name] for name in PART_FIELDS])
    assert verify(ledger_url, tmp_path).faults == []
    for part_id, changed in (("joined", "NULL"), ("joined", "'[]'"), ("alone", "'[]'")):
        with create_engine(ledger_url).begin() as connection:
            connection.execute(text(f"UPDATE parts SET views = {changed} WHERE part_id = '{part_id}'"))
        assert "not as it was written" in verify(ledger_url, tmp_path).faults[0]


CHANGES = [
    ("UPDATE parts SET score = 0.26 WHERE part_id = 'p3'", "row 4 (part_id p3) is not as it was written"),
    (
        "UPDATE parts SET accepted = true, reason = 'good', score = 0.1 WHERE part_id = 'p4'",
        "row 5 (part_id p4) is not as it was written",
    ),
    ("UPDATE parts SET detail = 'x' WHERE part_id = 'p9'", "row 10 (part_id p9) is not as it was written"),
    ("UPDATE parts SET hash = 'x' WHERE part_id = 'p0'", "row 1 (part_id p0) is not as it was written"),
    ("DELETE FROM parts WHERE part_id = 'p5'", "row 6 is missing, before row 7 (part_id p6)"),
    ("DELETE FROM parts WHERE part_id IN ('p0', 'p1')", "rows 1 to 2 are missing, before row 3 (part_id p2)"),
]


@pytest.mark.parametrize(("statement", "words"), CHANGES)
def test_the_first_changed_or_missing_part_is_named(altered, statement, words):
    assert f"parts: {words}" in altered(statement).faults


ANY_VALUE = [  # SQLite keeps any kind of value in any column
    ("UPDATE parts SET score = x'00ff' WHERE part_id = 'p3'", "parts: row 4 (part_id p3) is not as it was written"),
    ("UPDATE parts SET views = x'ff' WHERE part_id = 'p3'", "parts: row 4 (part_id p3) is not as it was written"),
    ("UPDATE parts SET reason = CAST(x'ff' AS TEXT) WHERE part_id = 'p3'", "parts: row 4 (part_id p3) is not as it"),
    ("UPDATE parts SET trigger_wall_ns = 'hello' WHERE part_id = 'p3'", "parts: row 4 (part_id p3) is not as it was"),
    ("UPDATE parts SET hash = x'ff' WHERE part_id = 'p3'", "parts: row 4 (part_id p3) is not as it was written"),
    ("UPDATE parts SET part_id = x'ff' WHERE part_id = 'p3'", "parts: row 4 (part_id b'\\xff') is not as it was"),
    ("UPDATE parts SET number = 'abc' WHERE part_id = 'p9'", "parts: row 10 (part_id p9) is not as it was written"),
    ("UPDATE parts SET number = 2.5 WHERE part_id = 'p2'", "parts: row 3 (part_id p2) is not as it was written"),
    ("UPDATE parts SET number = 0 WHERE part_id = 'p2'", "parts: row 0 (part_id p2) is not as it was written"),
    ("UPDATE audit SET new = x'ff' WHERE number = 2", "audit: row 2 (action model.publish) is not as it was written"),
    (
        "UPDATE audit SET new = 'x parts from before the chain' WHERE number = 1",
        "parts: 0 are outside the chain, the audit table says x",
    ),
]


@pytest.mark.parametrize(("statement", "words"), ANY_VALUE)
def test_a_value_of_another_kind_is_a_changed_row_and_the_line_goes_on(tmp_path, make_record, statement, words):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    writer = LedgerWriter(url)
    for i in range(10):
        writer.submit(make_record(f"p{i}"))
    assert writer.close(20)
    database = WritingDatabase(url)
    with database.transaction() as connection:
        append_changes(connection, [change("model.publish", "recipe disc", "v0", "v1")])
    database.close()
    with create_engine(url).begin() as connection:
        assert connection.execute(text(statement)).rowcount
    assert any(fault.startswith(words) for fault in verify(url, tmp_path).faults)
    writer = LedgerWriter(url)
    writer.submit(make_record("later"))
    assert writer.close(20)


def test_a_row_taken_out_and_the_numbers_closed_up_still_breaks_the_chain(altered):
    found = altered("DELETE FROM parts WHERE number = 6", "UPDATE parts SET number = number - 1 WHERE number = 7")
    assert found.faults == ["parts: row 6 (part_id p6) is not as it was written"]
    assert found.chained_parts == 5


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit SET who = 'nobody' WHERE number = 2", "row 2 (action model.publish) is not as it was written"),
        ("UPDATE audit SET at_wall_ns = at_wall_ns + 1 WHERE number = 1", "row 1 (action ledger.migrate) is not as it"),
        ("DELETE FROM audit WHERE number = 2", "row 2 is missing, before row 3 (action model.publish)"),
    ],
)
def test_the_first_changed_or_missing_row_of_the_audit_table_is_named(altered, statement, words):
    (fault,) = altered(statement).faults
    assert fault.startswith(f"audit: {words}")


def test_rows_cut_off_at_the_end_show_only_to_who_has_noted_a_head(altered):
    before = altered()
    cut = ("DELETE FROM parts WHERE number > 8", "DELETE FROM audit WHERE number = 3")
    assert altered(*cut).faults == []  # what a chain cannot prove by itself
    found = altered(heads=[before.parts_head, before.audit_head])
    assert sorted(found.faults) == sorted(
        f"no row has the noted head {head}: rows were cut off, or the chain made anew"
        for head in (before.parts_head, before.audit_head)
    )


def test_a_noted_head_is_still_there_when_the_ledger_has_grown(altered, ledger_url, make_record):
    before = altered()
    writer = LedgerWriter(ledger_url)
    writer.submit(make_record("later"))
    assert writer.close(20)
    found = altered(heads=[before.parts_head, before.audit_head])
    assert found.faults == []
    assert found.parts_head != before.parts_head


def test_a_part_put_in_by_hand_is_found(altered):
    columns = "camera, trigger_wall_ns, trigger_ns, decided_ns, deadline_ns, gate_ns, accepted, reason, detail"
    copied = f"INSERT INTO parts (part_id, {columns}, model_version) SELECT 'new', {columns}, model_version FROM parts"
    (fault,) = altered(f"{copied} WHERE part_id = 'p2'").faults
    assert fault == "parts: 1 are outside the chain, the audit table says 0"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("accepted = true", "is accepted for another reason than good, or rejected as good"),
        ("accepted = true, reason = 'good'", "is accepted without a verdict below the threshold"),
        ("accepted = true, reason = 'good', score = NULL", "is accepted without a verdict below the threshold"),
        ("accepted = true, reason = 'good', score = 0, decided_ns = deadline_ns + 1", "is accepted after its deadline"),
    ],
)
def test_what_no_decision_can_say_is_named_even_outside_the_chain(tmp_path, values, words):
    write_old_ledger(tmp_path / "ledger.sqlite", 6)
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    LedgerWriter(url).close(20)
    with create_engine(url).begin() as connection:
        connection.execute(text("DELETE FROM archive_files"))
        connection.execute(text(f"UPDATE parts SET {values} WHERE part_id = 'old-3'"))
    assert f"parts: part old-3 {words}" in verify(url, tmp_path).faults


def test_a_part_from_before_the_chain_that_is_removed_is_missed_by_number(tmp_path):
    write_old_ledger(tmp_path / "ledger.sqlite", 6)
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    LedgerWriter(url).close(20)
    with create_engine(url).begin() as connection:
        connection.execute(text("DELETE FROM archive_files"))
    assert verify(url, tmp_path).unchained_parts == 6
    with create_engine(url).begin() as connection:
        connection.execute(text("DELETE FROM parts WHERE part_id = 'old-0'"))
    assert verify(url, tmp_path).faults == ["parts: 5 are outside the chain, the audit table says 6"]


def test_an_image_that_is_gone_and_not_retired_is_named(ledger_url, tmp_path, make_record, make_image):
    writer = LedgerWriter(ledger_url)
    for name in ("there", "gone"):
        writer.submit(make_record(name))
        writer.submit_image(make_image(name, f"{name}.png"))
        (tmp_path / f"{name}.png").write_bytes(b"picture")
    writer.submit_image(make_image("stranger", "stranger.png"))
    assert writer.close(20)
    (tmp_path / "stranger.png").write_bytes(b"picture")
    (tmp_path / "gone.png").unlink()
    assert verify(ledger_url, tmp_path).faults == [
        "archive_files: there is no part stranger",
        f"archive_files: {tmp_path / 'gone.png'} of part gone is missing, and the ledger does not call it retired",
    ]
    with create_engine(ledger_url).begin() as connection:
        connection.execute(archive_files.update().values(retired_wall_ns=1, retired_why="age"))
    assert verify(ledger_url, tmp_path).faults == [
        "archive_files: there is no part stranger",
        "archive_files: 3 with part gone are called retired (age), and no audit row says so",
    ]


def test_a_row_of_a_retired_image_that_is_gone_or_another_is_named(ledger_url, tmp_path, make_record, make_image):
    writer = LedgerWriter(ledger_url)
    for name in ("a", "b"):
        writer.submit(make_record(name))
        writer.submit_image(make_image(name, f"{name}.png"))
    assert writer.close(20)
    sweeper = Sweeper(tmp_path, WritingDatabase(ledger_url), Limits(accepts_ns=1))
    assert sweeper.sweep(2_000_000_000_000_000_000)
    assert verify(ledger_url, tmp_path).faults == []
    with create_engine(ledger_url).begin() as connection:
        connection.execute(text("DELETE FROM archive_files WHERE part_id = 'b'"))
    assert verify(ledger_url, tmp_path).faults == [
        "archive_files: 1 with part a are called retired (age), and no audit row says so",
        "archive_files: the audit table says that 2 images were retired (age), and the rows do not",
    ]


@given(
    rows=st.lists(st.fixed_dictionaries({"a": st.text(), "b": st.floats(allow_nan=False) | st.none()}), min_size=1),
    data=st.data(),
)
def test_any_change_to_any_chain_is_found_at_its_row(rows, data):
    fields = ("number", "a", "b")
    chain = list(chained(rows, (0, START), fields))
    whole = ChainWalk(fields, "a", [chain[-1]["hash"]])
    whole.along(chain)
    assert (whole.fault, whole.count, whole.head) == ("", len(rows), chain[-1]["hash"])
    assert chain[-1]["hash"] in whole.met
    at = data.draw(st.integers(0, len(chain) - 1))
    hurt = [dict(row) for row in chain]
    hurt[at]["a"] += "x"
    walk = ChainWalk(fields, "a")
    walk.along(hurt)
    assert walk.count == at
    assert walk.fault.startswith(f"row {at + 1} ")


def test_the_hash_can_be_computed_by_anybody():
    assert row_hash(START, [1, "ü", None, True, 0.5]) == (
        hashlib.sha256(f'["{START}",1,"ü",null,true,0.5]'.encode()).hexdigest()
    )


def test_settings_are_on_record_as_what_differs_from_last_time(ledger_url):
    database = WritingDatabase(ledger_url)
    for settings in ({"a.b": 1, "c": None}, {"a.b": 1, "c": None}, {"a.b": 2, "d": "x"}, {"d": "x"}, {"d": "x"}):
        with database.transaction() as connection:
            append_settings(connection, settings)
    with database.transaction() as connection:
        rows = connection.execute(audit.select().where(audit.c.action == "line.configure").order_by(audit.c.number))
        changes = [(json.loads(row.old), json.loads(row.new)) for row in rows]
    database.close()
    assert changes == [
        ({"a.b": None}, {"a.b": 1}),
        ({"a.b": 1, "d": None}, {"a.b": 2, "d": "x"}),
        ({"a.b": 2}, {"a.b": None}),
    ]


def test_a_damaged_row_of_settings_keeps_no_line_from_starting(ledger_url):
    database = WritingDatabase(ledger_url)
    with database.transaction() as connection:
        append_settings(connection, {"a.b": 1})
    with database.transaction() as connection:
        connection.execute(audit.update().values(new="{ no JSON"))
        append_settings(connection, {"a.b": 2})
    with database.transaction() as connection:
        newest = connection.execute(audit.select().order_by(audit.c.number.desc())).first()
    database.close()
    assert json.loads(newest.new) == {"a.b": 2}
