"""Reading while the line writes, and choosing good frames for the trainer."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy.exc import OperationalError

from line_inspector.errors import InputError
from line_inspector.part_record import Reason
from line_inspector.records.database import store_of
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.reading import good_frames, read_parts
from line_inspector.records.schema import parts, row_of

MODELS = ("v1", "v2")


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'data with # % signs' / 'ledger.sqlite'}"


@pytest.fixture
def archived(tmp_path, url, make_record, make_image):
    """Six archived parts p0 to p5, one a second; p1 is a reject. Model v1 inspected the even ones, v2 the odd ones."""
    writer = LedgerWriter(url)
    (tmp_path / "archive").mkdir()
    for i in range(6):
        good = i != 1
        reason = Reason.GOOD if good else Reason.ANOMALY
        writer.submit(
            make_record(f"p{i}", trigger_wall_ns=i * 10**9, accepted=good, reason=reason, model_version=MODELS[i % 2])
        )
        writer.submit_image(make_image(f"p{i}", f"p{i}.png"))
        (tmp_path / "archive" / f"p{i}.png").write_bytes(b"picture")
    writer.submit(make_record("not archived", trigger_wall_ns=99 * 10**9))
    assert writer.close(10)
    return tmp_path / "archive"


def test_parts_come_in_order_of_time_from_a_moment_on(url, archived):
    assert [record.part_id for record in read_parts(url)] == ["p0", "p1", "p2", "p3", "p4", "p5", "not archived"]
    assert [record.part_id for record in read_parts(url, since_wall_ns=4 * 10**9)] == ["p4", "p5", "not archived"]
    assert list(read_parts(url, since_wall_ns=10**12)) == []


def test_a_slow_reader_sees_one_moment_and_does_not_hold_up_the_writer(url, archived, make_record):
    reader = read_parts(url)
    next(reader)
    writer = LedgerWriter(url)
    for i in range(3000):
        writer.submit(make_record(f"new{i}"))
    assert writer.close(20)
    assert len(list(reader)) == 6
    assert len(list(read_parts(url))) == 3007


def test_a_reader_cannot_write(url, archived, make_record):
    with store_of(url).reading_engine().connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(parts.insert(), [row_of(make_record("x"))])


def test_good_frames_are_accepted_parts_newest_first(url, archived):
    assert [path.name for path in good_frames(url, archived, MODELS, 10)] == [
        "p5.png",
        "p4.png",
        "p3.png",
        "p2.png",
        "p0.png",
    ]
    assert [path.name for path in good_frames(url, archived, MODELS, 2)] == ["p5.png", "p4.png"]
    assert good_frames(url, archived, MODELS, 0) == []


def test_frames_of_another_product_are_no_good_frames(url, archived):
    """A line that changed its recipe keeps ledger and archive; the models tell which parts were which product."""
    assert [path.name for path in good_frames(url, archived, ["v2"], 10)] == ["p5.png", "p3.png"]
    assert [path.name for path in good_frames(url, archived, ["v1", "v0"], 10)] == ["p4.png", "p2.png", "p0.png"]
    assert good_frames(url, archived, ["v0"], 10) == []
    assert good_frames(url, archived, [], 10) == []


def test_a_good_frame_must_still_be_there_and_not_be_empty(url, archived):
    (archived / "p5.png").unlink()
    (archived / "p4.png").write_bytes(b"")
    assert [path.name for path in good_frames(url, archived, MODELS, 2)] == ["p3.png", "p2.png"]


def test_a_missing_ledger_is_bad_input_and_is_not_made(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with pytest.raises(InputError, match="there is no ledger yet"):
        list(read_parts(f"sqlite:///{path}"))
    with pytest.raises(InputError, match="there is no ledger yet"):
        good_frames(f"sqlite:///{path}", tmp_path, MODELS, 5)
    assert not path.exists()


def test_what_is_no_ledger_is_bad_input(tmp_path):
    (tmp_path / "text").write_text("not a database\n" * 100)
    with pytest.raises(InputError, match="file is not a database"):
        list(read_parts(f"sqlite:///{tmp_path / 'text'}"))
    with closing(sqlite3.connect(tmp_path / "other")) as connection:
        connection.execute("CREATE TABLE invoices (id INTEGER)")
    with pytest.raises(InputError, match="is not a ledger"):
        list(read_parts(f"sqlite:///{tmp_path / 'other'}"))
    with closing(sqlite3.connect(tmp_path / "older")) as connection:
        connection.execute("CREATE TABLE parts (part_id TEXT, colour TEXT)")
    with pytest.raises(InputError, match="is a ledger of an older version .*Start the line once"):
        list(read_parts(f"sqlite:///{tmp_path / 'older'}"))
