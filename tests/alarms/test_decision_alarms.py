"""Every alarm by a real cause at the real decision station: shown, asked for, acknowledged, and on record."""

import resource
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from played_line import PlayedLine

from line_inspector.actuators.plc_signals import Mode
from line_inspector.alarms.table import BY_NAME
from line_inspector.line_file import read_line_file
from line_inspector.part_record import Reason
from line_inspector.records.reading import read_parts
from line_inspector.simulation.plc import SimulatedPlc


@pytest.fixture
def line(tmp_path: Path) -> Iterator[PlayedLine]:
    played = PlayedLine(tmp_path)
    yield played
    played.close()


def test_rejects_in_a_row_ask_for_a_stop_until_an_operator_has_seen_it(line: PlayedLine) -> None:
    line.parts(3, score=0.9)
    good = line.parts(2)
    line.until(lambda: set(good) <= line.accepted)
    assert line.names() == set() and not line.stop_requested
    line.parts(4, score=0.9)
    line.until(lambda: line.stop_requested and line.names() == {"rejects_in_row"})
    line.part()
    line.run(0.3)
    assert line.stop_requested, "it latches"
    line.acknowledge("rejects_in_row", "top")
    line.until(lambda: not line.stop_requested and not line.names())
    line.stop()
    assert [(action, who.split("@")[0] == "Ann") for action, _, who in line.audited()] == [
        ("alarm.raise", False),
        ("alarm.acknowledge", True),
        ("alarm.clear", False),
    ]
    assert {subject for _, subject, _ in line.audited()} == {"rejects_in_row top"}


def test_rejects_in_a_window_and_a_restart_that_acknowledges_nothing(line: PlayedLine) -> None:
    for _ in range(4):
        line.parts(3, score=0.9)
        line.part()
    line.until(lambda: line.names() == {"rejects_in_window"})
    line.restart()
    assert line.names() == {"rejects_in_window"}
    line.until(lambda: line.stop_requested)
    line.acknowledge("rejects_in_window", "top")
    line.until(lambda: not line.names())
    line.restart()
    assert line.names() == set()


def test_faults_of_the_camera_make_it_blind_until_it_sees(line: PlayedLine) -> None:
    line.parts(5, reason=Reason.NO_FRAME)
    line.until(lambda: "camera_blind" in line.names())
    line.parts(2)
    line.until(lambda: "camera_blind" not in line.names())
    line.part(reason=Reason.CAMERA_BLIND)
    line.until(lambda: "camera_blind" in line.names())


def test_a_camera_whose_frames_are_too_large_is_told_of_by_its_last_fault(line: PlayedLine) -> None:
    for _ in range(5):
        line.part(reason=Reason.BAD_FRAME, detail="frame of 576 x 768 x 3; set max_width_px: 576")
    line.until(lambda: "camera_blind" in line.names())
    assert line.shown
    (told,) = [one for one in line.shown.alarms if one.name == "camera_blind"]
    assert told.detail == "bad_frame: frame of 576 x 768 x 3; set max_width_px: 576"
    assert "wrong size" in BY_NAME["camera_blind"].next_step


def test_a_worker_that_is_late_or_silent(line: PlayedLine) -> None:
    line.until(lambda: line.names() == set())
    for _ in range(12):
        line.parts(2)
        line.part(reason=Reason.SKIPPED_LATE)
    line.until(lambda: line.names() == {"worker_slow"})
    assert not line.stop_requested, "a warning asks for nothing"
    line.worker_lives = False
    line.until(lambda: "worker_down" in line.names() and line.stop_requested)
    line.worker_lives = True
    line.until(lambda: "worker_down" not in line.names())


def test_a_ledger_and_a_journal_that_take_nothing(line: PlayedLine) -> None:
    line.part()
    line.run(0.3)
    pid = line.decision.pid
    with closing(sqlite3.connect(line.line.data_dir / "ledger.sqlite", isolation_level=None)) as locked:
        locked.execute("BEGIN EXCLUSIVE")
        good = line.part()
        line.until(lambda: line.names() == {"ledger_down"})
        assert good in line.accepted and not line.stop_requested
        locked.execute("ROLLBACK")
    line.until(lambda: line.names() == set())
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    line.part()
    line.until(lambda: "journal_down" in line.names() and line.stop_requested)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    line.part()
    line.until(lambda: line.names() == set())
    line.stop()
    raised = [subject for action, subject, _ in line.audited() if action == "alarm.raise"]
    assert raised[0] == "ledger_down" and set(raised) == {"ledger_down", "journal_down"}


def test_what_was_raised_while_the_ledger_was_down_is_on_record_although_decision_was_killed(line: PlayedLine) -> None:
    line.part()
    line.run(0.3)
    with closing(sqlite3.connect(line.line.data_dir / "ledger.sqlite", isolation_level=None)) as locked:
        locked.execute("BEGIN EXCLUSIVE")
        line.part()
        line.until(lambda: line.names() == {"ledger_down"})
        line.parts(4, score=0.9)
        line.until(lambda: line.names() == {"ledger_down", "rejects_in_row"})
        line.run(0.5)
        line.decision.kill()
        line.decision.wait()
    line.start()
    line.stop()
    happened = [(action, subject) for action, subject, _ in line.audited()]
    assert happened == [("alarm.raise", "ledger_down"), ("alarm.raise", "rejects_in_row top")]


def test_a_reject_that_is_not_seen_in_the_bin_and_a_bin_that_is_full(tmp_path: Path) -> None:
    line = PlayedLine(tmp_path, alarms={"bin_sensor": True, "rejects_in_row": 100})
    try:
        line.part(score=0.9)
        line.run(line.line.travel_ns("top") / 1e9)
        line.fall()
        line.run(1.0)
        assert line.names() == set()
        lost = line.part(score=0.9)
        line.until(lambda: line.names() == {"reject_unconfirmed"} and line.stop_requested)
        assert line.shown and lost in line.shown.alarms[0].detail
        line.fall()
        line.run(0.2)
        assert line.names() == {"reject_unconfirmed"}
        line.acknowledge("reject_unconfirmed")
        line.until(lambda: not line.stop_requested)
        line.fill_bin()
        line.until(lambda: line.names() == {"bin_full"} and line.stop_requested)
        line.fill_bin(False)
        line.until(lambda: not line.stop_requested)
    finally:
        line.close()


@pytest.mark.slow
def test_a_plc_in_halt_is_a_gate_that_is_down_and_hears_of_the_stop(tmp_path: Path) -> None:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    gate = {"kind": "modbus", "host": "127.0.0.1", "port": port, "window_ms": 100, "heartbeat_timeout_ms": 400}
    line = PlayedLine(tmp_path, gate, simulation={"bin_capacity": 2}, alarms={"bin_sensor": True})
    plc = SimulatedPlc(read_line_file(line.path), line.line.decision.gate)  # type: ignore[arg-type]
    try:
        line.until(lambda: line.names() == set())
        plc._program.mode = Mode.HALT
        line.until(lambda: line.names() == {"gate_down"} and plc.stop_requested)
        part = line.part()
        plc._program.mode = Mode.CONTINUOUS
        line.until(lambda: line.names() == {"reject_unconfirmed"})
        line.acknowledge("reject_unconfirmed")
        line.until(lambda: not plc.stop_requested)
        seen = line.part(score=0.9)
        line.run(line.line.travel_ns("top") / 1e9)
        plc._bin.falls(0)
        line.run(1.0)
        assert line.names() == set(), "the PLC's counter has confirmed it"
        plc._bin.falls(0)
        line.until(lambda: line.names() == {"bin_full"} and plc.stop_requested)
        line.stop()
        reasons = {row.part_id: row.reason for row in read_parts(line.line.ledger_url)}
        assert reasons == {part: Reason.GATE_DOWN, seen: Reason.ANOMALY}
    finally:
        plc.close()
        line.close()


def test_a_file_of_alarms_that_cannot_be_read_stops_accepting(line: PlayedLine) -> None:
    line.stop()
    line.line.latch_path.write_bytes(b"torn")
    line.start()
    assert line.names() == {"challenge_missed"}
    part = line.part()
    line.run(0.4)
    assert line.accepted == set()
    line.acknowledge("challenge_missed", "top")
    line.until(lambda: not line.names())
    good = line.part()
    line.until(lambda: good in line.accepted)
    line.stop()
    reasons = {row.part_id: row.reason for row in read_parts(line.line.ledger_url)}
    assert reasons == {part: Reason.ACCEPTS_STOPPED, good: Reason.GOOD}
