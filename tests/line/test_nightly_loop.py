"""From logged good parts to next day's model, while the line runs."""

import json
import subprocess
import sys
import time
from typing import Any

import pytest
from line_under_test import LineUnderTest, assert_nothing_slipped_through


def _retrain(line: LineUnderTest) -> dict[str, Any]:
    command = [sys.executable, "-m", "line_inspector", "retrain", str(line.path), "--minutes", "0.6", "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.slow
def test_retraining_on_logged_parts_beside_the_running_line(line_under_test: LineUnderTest) -> None:
    """Whether half a minute makes a model that is not worse is chance; test_whole_line.py has a certain swap."""
    line = line_under_test
    line.document["records"] = {"accept_sample": 1.0}
    line.start()
    before = line.registry.in_service()
    line.start_world()
    time.sleep(12)
    report = _retrain(line)
    time.sleep(5)
    line.stop_world()
    assert_nothing_slipped_through(line)
    assert report["in_service_version"] == before and report["frames_trained"] >= 30
    promoted = report["promotion"]["promoted"]
    assert line.registry.in_service() == (report["version"] if promoted else before)
    last = max((p for p in line.ledger().values() if p.score is not None), key=lambda part: part.decided_ns)
    assert last.model_version == line.registry.in_service()
    print(f"promoted: {promoted}; {report['promotion']['reasons']}")
