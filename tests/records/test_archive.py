"""The archive keeps what it should, losslessly, and never holds up or endangers the station that offers."""

import logging
import os
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_inspector.images import read_image
from line_inspector.messages import HEAT_SIDE_PX, SlotRef
from line_inspector.part_record import Reason
from line_inspector.records.archive import Archive, file_stem, in_sample
from line_inspector.records.database import store_of
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.schema import archive_files
from line_inspector.ring import Geometry, RingWriter

HEAT = bytes(range(256)) * (HEAT_SIDE_PX**2 // 256)
DAY = "2025-06-15"  # of the wall time that make_record stamps, in UTC


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture
def ledger(url):
    writer = LedgerWriter(url)
    yield writer
    writer.close(10)


@pytest.fixture
def ring():
    writer = RingWriter(f"test-archive-{os.getpid()}", "top", Geometry(slots=64, slot_bytes=200 * 300 * 3))
    yield writer
    writer.close()


@pytest.fixture
def shoot(ring):
    """Puts a noisy frame of its own into the ring for each part."""

    def one(part_id, shape=(120, 160, 3)):
        frame = np.random.default_rng(abs(hash(part_id)) % 2**32).integers(0, 256, shape, np.uint8)
        return frame, ring.write(frame, part_id, deadline_ns=0, keep_ns=0, now_ns=1)

    return one


@pytest.fixture
def reject(make_record):
    def one(part_id):
        return make_record(part_id, accepted=False, reason=Reason.ANOMALY)

    return one


def noted(url):
    with store_of(url).reading_engine().connect() as connection:
        return {row.part_id: (row.image_path, row.heat_path) for row in connection.execute(archive_files.select())}


def errors(caplog):
    return [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.ERROR]


@pytest.mark.parametrize("shape", [(120, 160, 3), (120, 160), (33, 300, 3)])
def test_a_reject_is_kept_without_loss_and_noted_in_the_ledger(tmp_path, url, ledger, shoot, reject, shape):
    archive = Archive(tmp_path / "archive", ledger, 0.0, 10)
    frame, slot = shoot("top-1", shape)
    archive.offer(reject("top-1"), slot, HEAT, "top-1")
    assert archive.close(10)
    ledger.close(10)
    assert noted(url) == {"top-1": (f"{DAY}/top-1.png", f"{DAY}/top-1.heat.png")}
    np.testing.assert_array_equal(read_image(tmp_path / "archive" / DAY / "top-1.png"), frame)
    heat = read_image(tmp_path / "archive" / DAY / "top-1.heat.png")
    assert heat.shape == (HEAT_SIDE_PX, HEAT_SIDE_PX)
    assert heat.tobytes() == HEAT
    assert (archive.written, archive.skipped, archive.torn, archive.failed) == (1, 0, 0, 0)


def test_a_reject_without_a_verdict_has_no_heat_map_and_one_without_a_frame_no_file(
    tmp_path, url, ledger, shoot, reject
):
    archive = Archive(tmp_path / "archive", ledger, 1.0, 10)
    archive.offer(reject("framed"), shoot("framed")[1], b"", "framed")
    archive.offer(reject("blind"), None, b"", "blind")
    assert archive.close(10)
    ledger.close(10)
    assert noted(url) == {"framed": (f"{DAY}/framed.png", None)}
    assert [path.name for path in (tmp_path / "archive" / DAY).iterdir()] == ["framed.png"]


def test_accepts_are_sampled_by_their_id(tmp_path, ledger, shoot, make_record):
    archive = Archive(tmp_path / "archive", ledger, 0.3, 100)
    names = [f"p{i}" for i in range(60)]
    for name in names:
        archive.offer(make_record(name), shoot(name)[1], HEAT, name)
    assert archive.close(20)
    kept = {path.stem for path in (tmp_path / "archive" / DAY).glob("*.png") if ".heat" not in path.name}
    assert kept == {name for name in names if in_sample(name, 0.3)}
    assert 5 < len(kept) < 35


@given(share=st.floats(0, 1), part_id=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_larger_share_keeps_what_a_smaller_one_kept(share, part_id):
    assert in_sample(part_id, 1.0)
    assert not in_sample(part_id, 0.0)
    assert not in_sample(part_id, share / 2) or in_sample(part_id, share)


def test_the_share_is_met(make_record):
    assert 900 < sum(in_sample(f"top-{i:06d}", 0.1) for i in range(10_000)) < 1100


def test_a_frame_that_the_ring_has_reused_is_counted_and_not_kept(tmp_path, url, ledger, shoot, reject):
    _, old = shoot("old")
    for i in range(64):
        shoot(f"new{i}")
    gone = SlotRef(ring="line-inspector.no.top.1.4x100", slot=0, generation=2)
    archive = Archive(tmp_path / "archive", ledger, 0.0, 10)
    archive.offer(reject("old"), old, HEAT, "old")
    archive.offer(reject("gone"), gone, HEAT, "gone")
    archive.offer(reject("nonsense"), SlotRef(ring="../../etc/passwd", slot=0, generation=2), HEAT, "nonsense")
    assert archive.close(10)
    ledger.close(10)
    assert archive.torn == 3
    assert noted(url) == {}


def test_a_stalled_disk_makes_it_skip_and_never_wait(tmp_path, ledger, shoot, reject, eventually):
    archive = Archive(tmp_path / "archive", ledger, 0.0, 5)
    archive.offer(reject("first"), shoot("first")[1], b"", "first")
    eventually(lambda: archive.written == 1)
    stall = tmp_path / "archive" / DAY / "stalled.png.partial"
    os.mkfifo(stall)  # opening it for writing waits for a reader, as a disk may that does not answer
    archive.offer(reject("stalled"), shoot("stalled")[1], b"", "stalled")
    for i in range(30):
        archive.offer(reject(f"p{i}"), shoot(f"p{i}")[1], b"", f"p{i}")
    assert archive.skipped >= 30 - 6
    assert not archive.close(0.1)
    assert stall.open("rb").read()
    assert archive.close(10)
    assert archive.written == 32 - archive.skipped


def test_a_full_disk_is_one_line_in_the_log_and_images_are_kept_again_afterwards(
    tmp_path, small_disk, ledger, shoot, reject, caplog, eventually
):
    archive = Archive(small_disk.folder / "archive", ledger, 0.0, 100)
    archive.offer(reject("before"), shoot("before")[1], HEAT, "before")
    eventually(lambda: archive.written == 1)
    small_disk.fill()
    for i in range(10):
        archive.offer(reject(f"p{i}"), shoot(f"p{i}")[1], HEAT, f"p{i}")
    eventually(lambda: archive.failed == 10)
    assert len(errors(caplog)) == 1
    assert "No space left" in errors(caplog)[0]
    assert "Traceback" not in caplog.text
    small_disk.free()
    archive.offer(reject("after"), shoot("after")[1], HEAT, "after")
    assert archive.close(10)
    assert archive.written == 2
    assert {path.name for path in (small_disk.folder / "archive").rglob("*.png*") if path.stat().st_size == 0} == set()
    assert not list((small_disk.folder / "archive").rglob("*.partial"))


def test_a_nearly_full_disk_is_left_to_journal_and_ledger(
    tmp_path, small_disk, url, ledger, shoot, reject, caplog, eventually
):
    folder = small_disk.folder / "archive"
    archive = Archive(folder, ledger, 0.0, 100, min_free_mb=0.3)
    archive.offer(reject("before"), shoot("before")[1], HEAT, "before")
    eventually(lambda: archive.written == 1)
    (small_disk.folder / "others").write_bytes(bytes(300_000))  # room is left, less than the limit
    time.sleep(1.1)  # it asks the disk once a second
    for i in range(10):
        archive.offer(reject(f"p{i}"), shoot(f"p{i}")[1], HEAT, f"p{i}")
    eventually(lambda: archive.held_back == 10)
    assert {path.name for path in folder.glob("*/*.png")} == {"before.heat.png", "before.png"}
    assert len(errors(caplog)) == 1
    assert "less than 0.3 MB, the limit is records.archive_min_free_mb" in errors(caplog)[0]
    (small_disk.folder / "others").unlink()
    time.sleep(1.1)
    archive.offer(reject("after"), shoot("after")[1], HEAT, "after")
    assert archive.close(10)
    ledger.close(10)
    assert set(noted(url)) == {"before", "after"}
    assert (archive.written, archive.failed, archive.held_back) == (2, 0, 10)
    assert "over after" in caplog.text


def test_more_than_any_disk_has_free_keeps_every_image_out_and_no_limit_keeps_none_out(
    tmp_path, ledger, shoot, reject, caplog
):
    for least_mb, written in ((1e12, 0), (0, 3)):
        archive = Archive(tmp_path / "not" / "there yet", ledger, 0.0, 10, min_free_mb=least_mb)
        for i in range(3):
            archive.offer(reject(f"p{i}"), shoot(f"p{i}")[1], HEAT, f"p{i}")
        assert archive.close(10)
        assert (archive.written, archive.held_back) == (written, 3 - written)
    assert len(errors(caplog)) == 1


def test_a_folder_that_cannot_be_made_is_an_outage(tmp_path, ledger, shoot, reject, caplog):
    (tmp_path / "file").touch()
    archive = Archive(tmp_path / "file" / "archive", ledger, 0.0, 10)
    for i in range(3):
        archive.offer(reject(f"p{i}"), shoot(f"p{i}")[1], HEAT, f"p{i}")
    assert archive.close(10)
    assert archive.failed == 3
    assert len(errors(caplog)) == 1


def test_what_a_killed_process_left_half_written_is_removed(tmp_path, ledger):
    leftover = tmp_path / "archive" / DAY / "p.png.partial"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    archive = Archive(tmp_path / "archive", ledger, 0.0, 10)
    assert archive.close(10)
    assert not leftover.exists()


@pytest.mark.parametrize("part_id", ["../../escape", "/etc/part", "..", ".", "", "a\0b", "x" * 300, "a/b", "ü"])
def test_an_id_from_outside_cannot_choose_its_path(tmp_path, ledger, shoot, reject, part_id):
    archive = Archive(tmp_path / "deep" / "archive", ledger, 0.0, 10)
    archive.offer(reject(part_id), shoot(part_id)[1], HEAT, part_id)
    assert archive.close(10)
    assert archive.written == 1
    files = [path for path in (tmp_path / "deep").rglob("*") if path.is_file()]
    assert len(files) == 2
    assert {path.parent for path in files} == {tmp_path / "deep" / "archive" / DAY}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True, min_size=2, max_size=5))
def test_no_two_parts_share_a_file(part_ids):
    names = [name for part_id in part_ids for name in (f"{file_stem(part_id)}.png", f"{file_stem(part_id)}.heat.png")]
    assert len(set(names)) == len(names)


def test_the_heat_map_of_one_part_is_not_the_image_of_another():
    assert file_stem("p.heat") != "p.heat"


@pytest.mark.parametrize("trigger_wall_ns", [-(2**63), 0, 2**63, 2**64 - 1])
def test_a_mad_clock_does_not_end_the_thread(tmp_path, ledger, shoot, make_record, trigger_wall_ns):
    archive = Archive(tmp_path / "archive", ledger, 0.0, 10)
    mad = make_record("mad", accepted=False, trigger_wall_ns=trigger_wall_ns)
    archive.offer(mad, shoot("mad")[1], HEAT, "mad")
    archive.offer(make_record("sane", accepted=False), shoot("sane")[1], HEAT, "sane")
    assert archive.close(10)
    assert archive.written == 2
