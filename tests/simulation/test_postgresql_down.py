"""A line whose PostgreSQL server dies under load: deciding goes on, and every part gets into the ledger later."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from fake_line import FakeLine, Process, write_line_file
from postgresql_cluster import PASSWORD, Cluster

from line_inspector.bus import Bus
from line_inspector.messages import Health
from line_inspector.records.reading import read_parts, reading
from line_inspector.records.schema import archive_files, audit
from line_inspector.records.verification import verify
from line_inspector.simulation.record import read_world_record
from line_inspector.simulation.summary import summary
from line_inspector.streams import HEALTH


@pytest.fixture
def line_file(tmp_path: Path, postgresql: Cluster) -> Path:
    path = write_line_file(tmp_path)
    document = yaml.safe_load(path.read_text())
    records = {
        "ledger": postgresql.new_database(),
        "archive_min_free_mb": 0,
        "accept_sample": 1,
        "archive_max_mb": 0.01,
    }
    path.write_text(yaml.safe_dump({**document, "records": records}))
    return path


@pytest.fixture
def decision(line_file: Path) -> Iterator[Process]:
    process = Process("stations.decision", line_file)
    yield process
    process.close()


def wait_for_decision(fake: FakeLine) -> None:
    health = Bus(fake.line.sockets_dir).subscriber(HEALTH, Health, ("decision",))
    end_s = time.monotonic() + 30
    while not list(health.drain()):
        assert time.monotonic() < end_s, "decision does not start"
        time.sleep(0.02)
    health.close()


@pytest.mark.parametrize("killed_too", [False, True])
def test_a_server_that_dies_under_load_costs_no_part(
    line_file: Path, decision: Process, postgresql: Cluster, killed_too: bool
) -> None:
    fake = FakeLine(line_file)
    wait_for_decision(fake)
    outage_ns = []

    def note(change: Callable[[], None]) -> None:
        change()
        outage_ns.append(time.monotonic_ns())

    events = [(1.0, lambda: note(postgresql.stop)), (4.0, lambda: note(postgresql.start))]
    if killed_too:
        events[1:1] = [(2.0, decision.kill), (2.1, decision.start)]
    world = Process("line_inspector.simulation", line_file, "--seconds", "5")
    try:
        assert fake.run_until(world, events) == 0
    finally:
        world.close()
        fake.close()
    assert decision.stop() == 0
    log = decision.log_path.read_text()
    line = fake.line
    rows = list(read_parts(line.ledger_url))
    told = summary(read_world_record(line.world_record_path), rows)
    assert (told.uninspected_accepted, told.ledger_gaps, told.defective_accepted) == (0, 0, 0)
    meanwhile = [row for row in rows if outage_ns[0] < row.decided_ns < outage_ns[1] and row.accepted]
    assert len(meanwhile) > 10, "a ledger that is down must not keep parts from being accepted"
    assert verify(line.ledger_url, line.archive_dir).faults == []
    assert "postgresql+psycopg://inspector:***@127.0.0.1" in log and "cannot be written" in log
    assert PASSWORD not in log
    with reading(line.ledger_url) as connection:
        images = connection.execute(archive_files.select()).all()
        changes = {row.action: row for row in connection.execute(audit.select().order_by(audit.c.number))}
    assert images
    kept = {path.relative_to(line.archive_dir).as_posix() for path in line.archive_dir.glob("*/*.png")}
    pointed_at = {name for row in images if row.retired_wall_ns is None for name in (row.image_path, row.heat_path)}
    assert pointed_at - {None} <= kept
    assert '"records.archive_max_mb": 0.01' in changes["line.configure"].new
    assert PASSWORD not in changes["line.configure"].new
