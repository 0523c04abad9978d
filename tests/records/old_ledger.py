"""The tables as Line Inspector made them before it knew migrations, word for word."""

import sqlite3
from contextlib import closing
from pathlib import Path

OLD_DDL = (
    """
CREATE TABLE parts (
	part_id VARCHAR NOT NULL,
	camera VARCHAR NOT NULL,
	trigger_wall_ns BIGINT NOT NULL,
	trigger_ns BIGINT NOT NULL,
	captured_ns BIGINT,
	inference_start_ns BIGINT,
	inference_end_ns BIGINT,
	verdict_ns BIGINT,
	decided_ns BIGINT NOT NULL,
	deadline_ns BIGINT NOT NULL,
	gate_ns BIGINT NOT NULL,
	accepted BOOLEAN NOT NULL,
	reason VARCHAR NOT NULL,
	detail VARCHAR NOT NULL,
	score FLOAT,
	threshold FLOAT,
	model_version VARCHAR NOT NULL,
	fingerprint BIGINT,
	PRIMARY KEY (part_id)
)
""",
    """
CREATE TABLE archive_files (
	part_id VARCHAR NOT NULL,
	image_path VARCHAR NOT NULL,
	heat_path VARCHAR,
	PRIMARY KEY (part_id)
)
""",
    "CREATE INDEX parts_by_time ON parts (trigger_wall_ns)",
)
OLD_INSERT = f"INSERT INTO parts VALUES ({', '.join('?' * 18)}) ON CONFLICT (part_id) DO NOTHING"


def write_old_ledger(path: Path, rows: int) -> None:
    """A ledger with `rows` parts, old-0, old-1 and so on; every third is a reject, and every second has an image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for statement in OLD_DDL:
            connection.execute(statement)
        for i in range(rows):
            good = i % 3 > 0
            times = (1_000_000_000 * (i + 1), 1000, 1004, 1010, 1050, 1052, 1053, 1900, 2000)
            verdict = (good, "good" if good else "anomaly", "", 0.25 if good else 0.75, 0.5, "v1", 123)
            connection.execute(OLD_INSERT, (f"old-{i}", "top", *times, *verdict))
            if i % 2:
                connection.execute("INSERT INTO archive_files VALUES (?, ?, NULL)", (f"old-{i}", f"old-{i}.png"))
