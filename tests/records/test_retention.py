"""What goes, in which order, and that the ledger never points at a file that is gone, wherever the process dies."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from old_ledger import write_old_ledger
from sqlalchemy import Connection, select

from line_inspector.config.records import RecordsSettings
from line_inspector.errors import InputError
from line_inspector.part_record import Reason
from line_inspector.records.database import WritingDatabase
from line_inspector.records.inventory import take_inventory
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.reading import good_frames, reading
from line_inspector.records.retention import NS_PER_DAY, Limits, Retention, SteadyClock, Sweeper, limits_of
from line_inspector.records.schema import archive_files, audit
from line_inspector.records.trace import trace
from line_inspector.records.verification import verify

PICTURE = b"p" * 1000
NOW_NS = 100 * NS_PER_DAY


@pytest.fixture
def fill(make_record, make_image):
    """Puts parts with images into ledger and archive: {part: (accepted, age in days)}; 1000 bytes an image."""

    def into(url, folder, found):
        writer = LedgerWriter(url)
        folder.mkdir(parents=True, exist_ok=True)
        for part_id, (accepted, age_days) in found.items():
            at_ns = NOW_NS - int(age_days * NS_PER_DAY)
            reason = Reason.GOOD if accepted else Reason.ANOMALY
            writer.submit(make_record(part_id, accepted=accepted, reason=reason, trigger_wall_ns=at_ns))
            (folder / f"{part_id}.png").write_bytes(PICTURE)
            image = make_image(part_id, f"{part_id}.png", trigger_wall_ns=at_ns, accepted=accepted, size_bytes=1000)
            writer.submit_image(image)
        assert writer.close(20)
        return Sweeper(folder, WritingDatabase(url), Limits())

    return into


@pytest.fixture
def swept(fill, ledger_url, tmp_path):
    """Sweeps until nothing more goes; what is left."""

    def sweep(found, **limits):
        folder = tmp_path / "archive"
        fill(ledger_url, folder, found)
        database = WritingDatabase(ledger_url)
        sweeper = Sweeper(folder, database, Limits(**limits))
        while sweeper.sweep(NOW_NS):
            pass
        database.close()
        assert verify(ledger_url, folder).faults == []
        return {path.stem for path in folder.glob("*.png")}

    return sweep


def mixed(number):
    """Accepts a0, a1, ... and rejects r0, r1, ...: 0 is the oldest, a day between two."""
    ages = {f"{kind}{i}": (kind == "a", number - i) for kind in "ar" for i in range(number)}
    return dict(sorted(ages.items()))


def test_by_age_accepts_and_rejects_each_have_their_time(swept):
    left = swept(mixed(10), accepts_ns=2.5 * NS_PER_DAY, rejects_ns=5.5 * NS_PER_DAY)
    assert left == {"a8", "a9", "r5", "r6", "r7", "r8", "r9"}


def test_by_size_the_oldest_accepts_go_first_and_rejects_only_when_no_accept_is_left(swept):
    assert swept(mixed(10), archive_bytes=15_500) == {f"a{i}" for i in range(6, 10)} | {f"r{i}" for i in range(10)}


def test_rejects_go_by_size_when_there_is_no_accept_left(swept):
    assert swept(mixed(10), archive_bytes=4_500) == {"r6", "r7", "r8", "r9"}


def test_by_free_disk_until_there_is_room(swept):
    assert swept(mixed(3), free_bytes=10**18) == set()


def test_what_is_within_its_limits_stays(swept):
    limits = {"accepts_ns": 99 * NS_PER_DAY, "rejects_ns": 99 * NS_PER_DAY, "archive_bytes": 10**9, "free_bytes": 1}
    assert len(swept(mixed(3), **limits)) == 6


def test_without_a_trusted_clock_nothing_goes_by_age(fill, tmp_path):
    url, folder = f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "archive"
    fill(url, folder, mixed(3))
    assert not Sweeper(folder, WritingDatabase(url), Limits(accepts_ns=1, rejects_ns=1)).sweep(None)


def test_a_clock_that_was_set_is_not_trusted(monkeypatch):
    clock = SteadyClock()
    assert abs(clock.wall_ns() - time.time_ns()) < 1e9
    later_ns = time.time_ns() + 400 * NS_PER_DAY
    monkeypatch.setattr(time, "time_ns", lambda: later_ns)
    assert clock.wall_ns() is None


@pytest.mark.parametrize(
    ("settings", "accepts", "rejects"),
    [({}, None, None), ({"keep_rejects_days": 9}, 9, 9), ({"keep_accepts_days": 1, "keep_rejects_days": 9}, 1, 9)],
)
def test_accepts_never_outlive_rejects(settings, accepts, rejects):
    limits = limits_of(RecordsSettings(**settings))
    assert (limits.accepts_ns, limits.rejects_ns) == (
        accepts and accepts * NS_PER_DAY,
        rejects and rejects * NS_PER_DAY,
    )


def test_every_retirement_is_in_the_row_and_in_the_audit_table(swept, ledger_url):
    swept(mixed(10), accepts_ns=2.5 * NS_PER_DAY, rejects_ns=5.5 * NS_PER_DAY)
    with reading(ledger_url) as connection:
        rows = connection.execute(select(archive_files)).mappings().all()
        (entry,) = connection.execute(select(audit).where(audit.c.action == "archive.retire")).mappings().all()
    gone = [row for row in rows if row["retired_wall_ns"] is not None]
    assert len(gone) == 13
    assert {(row["retired_why"], row["removed"]) for row in gone} == {("age", True)}
    assert (entry["subject"], entry["old"], entry["new"]) == ("13 images", "a0 to r4", "age")


def test_a_file_that_cannot_be_deleted_is_an_error_and_nothing_more_is_retired(fill, tmp_path):
    url, folder = f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "archive"
    fill(url, folder, mixed(4))
    (folder / "a0.png").unlink()
    (folder / "a0.png").mkdir()
    sweeper = Sweeper(folder, WritingDatabase(url), Limits(archive_bytes=6_000))
    for _ in range(3):
        with pytest.raises(OSError):
            sweeper.sweep(NOW_NS)
    assert len(list(folder.glob("*.png"))) >= 6
    (folder / "a0.png").rmdir()
    while sweeper.sweep(NOW_NS):
        pass
    assert verify(url, folder).faults == []


@pytest.mark.parametrize("name", ["{outside}", "../outside.png", "2025-01-01/../../outside.png", "outside", "a/b.png"])
@pytest.mark.parametrize("retired_wall_ns", [None, 1])
def test_no_row_can_have_another_file_deleted(fill, tmp_path, caplog, name, retired_wall_ns):
    url, folder = f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "archive"
    fill(url, folder, mixed(3))
    outside = [tmp_path / "outside.png", folder / "outside", folder / "a" / "b.png"]
    (folder / "a").mkdir()
    for path in outside:
        path.write_bytes(PICTURE)
    name = name.format(outside=outside[0])
    database = WritingDatabase(url)
    with database.transaction() as connection:
        tampered = archive_files.update().where(archive_files.c.part_id == "a0")
        connection.execute(tampered.values(image_path=name, retired_wall_ns=retired_wall_ns, retired_why="age"))
    sweeper = Sweeper(folder, database, Limits(accepts_ns=1, rejects_ns=1))
    while sweeper.sweep(NOW_NS):
        pass
    assert not sweeper.sweep(NOW_NS)
    assert all(path.exists() for path in outside)
    assert {path.stem for path in folder.glob("*.png")} == {"a0"}
    assert sum("is no file of the archive" in entry.getMessage() for entry in caplog.records) == 1
    assert f"archive_files: {name!r} of part a0 is no file of the archive" in verify(url, folder).faults
    assert good_frames(url, folder, ["v1"], 9) == []
    with pytest.raises(InputError, match="is no file of the archive"):
        trace(url, folder, "a0")


def die_at(step, kinds, work):
    """Runs `work` in a child that kills itself before the step-th commit or deletion; whether it came that far."""
    pid = os.fork()
    if pid == 0:
        left = [step]

        def dying(real):
            def wrapped(*arguments, **options):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **options)

            return wrapped

        for kind, name in kinds:
            setattr(kind, name, dying(getattr(kind, name)))
        work()
        os._exit(0)
    return os.waitpid(pid, 0)[1] == signal.SIGKILL


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(steps=st.lists(st.integers(1, 14), min_size=1, max_size=4), most=st.integers(1, 12))
def test_killed_between_any_two_steps_the_ledger_points_at_no_file_that_is_gone(fill, tmp_path_factory, steps, most):
    tmp_path = tmp_path_factory.mktemp("killed")
    url, folder = f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "archive"
    fill(url, folder, mixed(6))
    limits = Limits(archive_bytes=most * 1000)

    def work():
        sweeper = Sweeper(folder, WritingDatabase(url), limits)
        while sweeper.sweep(NOW_NS):
            pass

    for step in steps:
        die_at(step, [(Connection, "commit"), (Path, "unlink")], work)
        assert verify(url, folder).faults == []
    work()
    left = {path.stem for path in folder.glob("*.png")}
    assert verify(url, folder).faults == []
    assert 0.9 * most - 1 <= len(left) <= most
    with reading(url) as connection:
        rows = connection.execute(select(archive_files)).mappings().all()
    assert {row["part_id"] for row in rows if row["retired_wall_ns"] is None} == left
    assert all(row["removed"] for row in rows if row["retired_wall_ns"] is not None)


def test_pictures_that_a_killed_process_never_noted_are_noted_at_the_next_start(tmp_path, make_record, ledger_url):
    day = tmp_path / "archive" / "2025-06-15"
    day.mkdir(parents=True)
    writer = LedgerWriter(ledger_url)
    for part_id in ("known", "heated"):
        writer.submit(make_record(part_id))
        (day / f"{part_id}.png").write_bytes(PICTURE)
    assert writer.close(20)
    (day / "heated.heat.png").write_bytes(PICTURE)
    (day / "stranger.png").write_bytes(PICTURE)
    (day / "lonely.heat.png").write_bytes(PICTURE)
    os.utime(day / "lonely.heat.png", (0, 0))
    for _ in range(2):
        take_inventory(tmp_path / "archive", WritingDatabase(ledger_url))
    with reading(ledger_url) as connection:
        rows = {row["part_id"]: row for row in connection.execute(select(archive_files)).mappings()}
    assert {name: (row["heat_path"], row["size_bytes"]) for name, row in rows.items()} == {
        "known": (None, 1000),
        "heated": ("2025-06-15/heated.heat.png", 2000),
    }
    assert {path.name for path in day.iterdir()} == {"known.png", "heated.png", "heated.heat.png", "stranger.png"}


def test_images_of_an_old_ledger_get_their_size_and_can_be_retired(tmp_path):
    url, folder = f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "archive"
    write_old_ledger(tmp_path / "ledger.sqlite", 10)
    folder.mkdir()
    for i in range(1, 10, 2):
        (folder / f"old-{i}.png").write_bytes(PICTURE)
    database = WritingDatabase(url)
    take_inventory(folder, database)
    while Sweeper(folder, database, Limits(archive_bytes=2_200)).sweep(NOW_NS):
        pass
    assert {path.stem for path in folder.glob("*.png")} == {"old-3", "old-9"}  # the two rejects


def test_the_thread_retires_beside_a_writer_and_ends_when_asked(tmp_path, make_record, fill, eventually):
    url, folder = f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "archive"
    fill(url, folder, mixed(50))
    writer = LedgerWriter(url)
    retention = Retention(folder, url, RecordsSettings(keep_rejects_days=1))
    for i in range(300):
        writer.submit(make_record(f"new{i}"))
    eventually(lambda: retention.counters()["images_retired"] == 100)
    assert writer.close(20)
    assert retention.close(5)
    assert all(thread.name != "retention" for thread in threading.enumerate())
    assert list(folder.glob("*.png")) == []
    assert verify(url, folder).faults == []


def test_a_database_that_is_down_is_an_outage_and_is_taken_up_again(
    postgresql, tmp_path, fill, caplog, eventually, monkeypatch
):
    monkeypatch.setattr("line_inspector.records.retention.SWEEP_S", 0.2)
    url, folder = postgresql.new_database(), tmp_path / "archive"
    retention = Retention(folder, url, RecordsSettings(archive_max_mb=0.0025))
    postgresql.stop(signal.SIGQUIT)
    eventually(lambda: retention.counters()["retention_down"] == 1)
    postgresql.start()
    fill(url, folder, mixed(3))
    eventually(lambda: retention.counters() == {"images_retired": 4, "retention_down": 0})
    assert retention.close(5)
    assert verify(url, folder).faults == []
    assert sum("cannot be cleared" in entry.getMessage() for entry in caplog.records if entry.levelname == "ERROR") == 1
