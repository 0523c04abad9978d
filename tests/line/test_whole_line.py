"""A part's whole way, with real processes: nothing uninspected is accepted, whatever dies, stalls or is missing."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from line_under_test import LineUnderTest, assert_nothing_slipped_through, foreign_body_dataset

from line_inspector.cameras.dataset import write_dataset
from line_inspector.images import read_image
from line_inspector.ring import fingerprint

STATIONS = ("capture.top", "inference", "decision", "overlay", "trainer")


def _service_after_s(line: LineUnderTest, hurt_ns: int) -> float:
    """From the blow until the line lets a part pass again: trigger of the first one, of those after it, that fell into
    the accept bin by the world's own record.
    """
    passed = [row["trigger_ns"] for row in line.fallen() if row["bin"] == "accept" and row["trigger_ns"] > hurt_ns]
    assert passed, f"no part was let pass any more; log:\n{line.log()}"
    return float((min(passed) - hurt_ns) / 1e9)


def test_line_sorts_parts(line_under_test: LineUnderTest, tmp_path: Path) -> None:
    line = line_under_test
    line.document["cameras"]["top"]["source"] = {"kind": "folder"}
    line.set_world(images=str(foreign_body_dataset(tmp_path / "parts")))
    line.start()
    line.start_world("--parts", "120")
    line.finish_world()
    fallen, ledger = line.fallen(), line.ledger()
    assert len(fallen) == 120 and {row["part_id"] for row in fallen} == set(ledger)
    assert all(ledger[row["part_id"]].accepted for row in fallen if row["bin"] == "accept")
    held_back = [row for row in fallen if row["bin"] == "reject" and ledger[row["part_id"]].accepted]
    assert len(held_back) <= 2, "a busy machine may miss a heartbeat, which rejects; it does not miss many"
    for row in fallen:
        if row["bin"] == "accept":
            assert ledger[row["part_id"]].fingerprint == fingerprint(read_image(Path(row["file"])))
    good = [row for row in fallen if not row["defective"]]
    bad = [row for row in fallen if row["defective"]]
    assert len(bad) > 15 and len(good) > 50
    accepted_good = sum(row["bin"] == "accept" for row in good) / len(good)
    accepted_bad = sum(row["bin"] == "accept" for row in bad) / len(bad)
    assert accepted_good > 0.75, f"{accepted_good:.2f} of the good parts were accepted"
    assert accepted_bad < 0.25, f"{accepted_bad:.2f} of the bad parts were accepted"


def test_overload_rejects_what_it_cannot_inspect(line_under_test: LineUnderTest) -> None:
    line = line_under_test
    line.document["simulation"]["rate_hz"] = 150
    line.document["cameras"]["top"]["max_rate_hz"] = 60
    line.start()
    line.start_world("--seconds", "10")
    line.finish_world()
    assert_nothing_slipped_through(line)
    reasons = {part.reason for part in line.ledger().values()}
    assert reasons & {"skipped_late", "no_verdict", "late_trigger", "overrun"}, "150 parts/s overload two cores"


@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_every_process_killed(line_under_test: LineUnderTest, times: int) -> None:
    line = line_under_test
    line.start()
    line.start_world()
    time.sleep(2)
    blows = []
    for station in STATIONS * times:
        time.sleep(0.3)
        blows.append((station, line.kill(station)))
        time.sleep(5)
        line.wait_for(station, timeout_s=5)
    line.stop_world()
    assert_nothing_slipped_through(line)
    for station, hurt_ns in blows:
        assert _service_after_s(line, hurt_ns) < 5, station


def test_frozen_inference(line_under_test: LineUnderTest) -> None:
    line = line_under_test
    line.start()
    line.start_world()
    time.sleep(2)
    with line.frozen("inference"):
        frozen_ns = time.monotonic_ns()
        time.sleep(10)
        thawed_ns = time.monotonic_ns()
    time.sleep(5)
    line.stop_world()
    assert_nothing_slipped_through(line)
    deadline_ns = line.line.deadline_ns("top")
    unseen = [p for p in line.ledger().values() if frozen_ns < p.trigger_ns < thawed_ns - 2 * deadline_ns]
    assert unseen and all(not p.accepted and p.reason in ("no_verdict", "worker_down") for p in unseen)
    assert _service_after_s(line, thawed_ns) < 5


def test_no_model_rejects_everything_until_one_is_published(line_under_test: LineUnderTest) -> None:
    line = line_under_test
    line.start(with_model=False)
    line.start_world("--seconds", "12")
    time.sleep(2)
    line.registry.publish(line._model_dir)
    published_ns = time.monotonic_ns()
    line.finish_world()
    assert_nothing_slipped_through(line)
    early = [p for p in line.ledger().values() if p.trigger_ns < published_ns - 1_000_000_000]
    assert early and all(p.reason == "engine_fault" for p in early)
    assert any(p.accepted for p in line.ledger().values())


def test_flipped_byte_in_a_new_model_keeps_the_old_one_in_service(line_under_test: LineUnderTest) -> None:
    line = line_under_test
    line.start()
    served = line.registry.in_service()
    line.start_world("--seconds", "8")
    spoilt = line.registry.folder / "spoilt"
    shutil.copytree(line.registry.folder / served, spoilt)
    weights = spoilt / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    link = line.registry.folder / "next"
    link.symlink_to("spoilt")
    link.replace(line.registry.current)
    line.finish_world()
    assert_nothing_slipped_through(line)
    assert {p.model_version for p in line.ledger().values() if p.score is not None} == {served}
    assert "sha256" in line.log()


def test_unreadable_pictures_are_rejected_by_name_and_the_line_goes_on(
    line_under_test: LineUnderTest, tmp_path: Path
) -> None:
    parts = tmp_path / "parts"
    write_dataset(parts, good_train=1, good_test=8, per_defect=1, size_px=128, seed=3)
    good = sorted((parts / "test" / "good").iterdir())
    good[0].write_bytes(good[0].read_bytes()[:700])
    cv2.imwrite(str(good[1]), np.zeros((128, 128), np.uint16))
    cv2.imwrite(str(good[2]), np.zeros((128, 128, 4), np.uint8))
    cv2.imwrite(str(good[3]), np.zeros((300, 300, 3), np.uint8))
    good[4].write_bytes(b"no picture at all")
    line = line_under_test
    line.document["cameras"]["top"]["source"] = {"kind": "folder"}
    line.document["simulation"] = {"rate_hz": 8, "defective_share": 0.3, "images": str(parts)}
    line.start()
    good[5].unlink()
    line.start_world("--seconds", "12")
    time.sleep(1)
    line.finish_world()
    fallen = {row["part_id"]: row for row in line.fallen()}
    assert set(fallen) == set(line.ledger())
    for part in line.ledger().values():
        if Path(fallen[part.part_id]["file"]) in good[:6]:
            assert part.reason == "bad_frame" and fallen[part.part_id]["bin"] == "reject"
    assert sum(p.reason == "bad_frame" for p in line.ledger().values()) > 5
    assert any(p.score is not None for p in line.ledger().values())


def test_locked_ledger_delays_no_decision_and_loses_no_row(line_under_test: LineUnderTest) -> None:
    line = line_under_test
    line.start()
    line.start_world("--seconds", "10")
    time.sleep(2)
    with closing(sqlite3.connect(line.line.data_dir / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(6)
        connection.execute("ROLLBACK")
    line.finish_world()
    assert_nothing_slipped_through(line)
    late = [part for part in line.ledger().values() if part.decided_ns > part.deadline_ns]
    assert len(late) <= 1, f"{len(late)} late decisions"
    assert sum(part.score is not None for part in line.ledger().values()) > 60


def test_swap_between_batches_and_a_standby_that_follows_it(
    line_under_test: LineUnderTest, second_model_dir: Path
) -> None:
    line = line_under_test
    line.start()
    line.start_world("--seconds", "14")
    time.sleep(2)
    line.registry.publish(second_model_dir)
    time.sleep(7)
    hurt_ns = line.kill("inference")
    line.finish_world()
    assert_nothing_slipped_through(line)
    parts = sorted((p for p in line.ledger().values() if p.score is not None), key=lambda p: p.verdict_ns)
    versions = [p.model_version for p in parts]
    assert versions == sorted(versions, key=lambda version: version == "second"), "the old model came back"
    after = [p for p in parts if p.captured_ns > hurt_ns]
    assert after and {p.model_version for p in after} == {"second"}
