"""A line whose frames two workers share, one of them over tcp: losing either loses no part."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from line_under_test import LineUnderTest, assert_nothing_slipped_through
from remote_worker import RemoteWorker, free_port, make_keys

from line_inspector.bus import Bus
from line_inspector.inference.model_directory import write_model_directory
from line_inspector.messages import Health
from line_inspector.streams import HEALTH


@pytest.fixture(scope="module")
def lenient_model_dir(tmp_path_factory: pytest.TempPathFactory, build_tiny_model: Any, draw_frame: Any) -> Path:
    """A quick model that finds nothing wrong with any part: what is rejected then is rejected for another reason."""
    folder = tmp_path_factory.mktemp("lenient")
    frames = [draw_frame(1), np.dstack([draw_frame(2), draw_frame(3), draw_frame(4)])]
    for version in ("one", "two"):
        model = build_tiny_model(0 if version == "one" else 1)
        write_model_directory(
            folder / version,
            model,
            threshold=0.9999,
            golden_frames=frames,
            version=version,
            calibration={"images": 2},
            lineage={"parent": None},
            metrics={},
        )
    return folder / "one"


@pytest.fixture
def shared(tmp_path: Path, lenient_model_dir: Path) -> Iterator[tuple[LineUnderTest, RemoteWorker]]:
    """A line with the workers near, here, and far, over loopback."""
    line = LineUnderTest(tmp_path, lenient_model_dir)
    make_keys(tmp_path / "keys", "far")
    far = {"host": f"tcp://127.0.0.1:{free_port()}", "keys": "keys"}
    line.document["inference"] = {"workers": {"near": {"host": "local"}, "far": far}}
    line.document["simulation"]["rate_hz"] = 10
    worker = RemoteWorker("far", tmp_path / "far", line.document, lenient_model_dir)
    try:
        yield line, worker
    finally:
        worker.stop()
        line.stop()


def counters(line: LineUnderTest) -> dict[str, int]:
    """What the inference station counts, by its next word."""
    health = Bus(line.line.sockets_dir).subscriber(HEALTH, Health, ("inference",))
    end_s = time.monotonic() + 10
    while time.monotonic() < end_s:
        for seen in health.drain():
            health.close()
            return seen.counters | {"serving": seen.state == "serving"}
        time.sleep(0.02)
    raise AssertionError(line.log())


def until(line: LineUnderTest, what: Any, timeout_s: float = 30) -> None:
    end_s = time.monotonic() + timeout_s
    while not what(counters(line)):
        assert time.monotonic() < end_s, f"{counters(line)}\n{line.log()}"


def both_serve(line: LineUnderTest) -> None:
    """Waits until both workers have been given frames."""
    until(line, lambda seen: seen.get("given.near", 0) > 2 and seen.get("given.far", 0) > 2)


def test_two_workers_share_a_line_and_the_death_of_one_loses_no_part(
    shared: tuple[LineUnderTest, RemoteWorker],
) -> None:
    line, far = shared
    far.start()
    line.start()
    until(line, lambda seen: seen["serving"])
    line.start_world("--seconds", "9")
    both_serve(line)
    hurt_ns = far.kill()
    time.sleep(1.5)
    far.start()
    line.finish_world()
    assert_nothing_slipped_through(line)
    ledger = line.ledger()
    after = [row for row in line.fallen() if hurt_ns < row["trigger_ns"]]
    reasons = Counter(ledger[row["part_id"]].reason for row in after)
    assert reasons["good"] > 10, f"{reasons}\n{line.log()}"
    assert set(Counter(part.reason for part in ledger.values())) <= {"good", "anomaly"}, f"a part was lost {line.log()}"
    print(reasons, counters(line))
