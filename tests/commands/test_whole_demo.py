"""`line-inspector demo` from the rendering to its summary, as a person starts it."""

import json
import subprocess
from pathlib import Path

import pytest
from demo_run import COMMAND, copy_demo_line, processes_of


@pytest.mark.slow
def test_the_whole_demo_twice_in_the_same_place(tmp_path: Path) -> None:
    line_file = copy_demo_line(tmp_path)
    for _ in range(2):
        words = [*COMMAND, "--line", str(line_file), "--json", "--seconds", "10", "--minutes", "1"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        told = json.loads(done.stdout)
        assert told.keys() >= {
            "triggers", "accepted", "rejected", "by_reason", "defective_accepted", "good_rejected",
            "uninspected_accepted", "late_decisions", "decision_latency_ms", "training_seconds",
        }  # fmt: skip
        assert told["decision_latency_ms"].keys() == {"p50", "p99"}
        assert told["uninspected_accepted"] == told["ledger_gaps"] == 0
        assert told["triggers"] == told["accepted"] + told["rejected"] > 20
        assert told["accepted"] > 0
        assert told["training_seconds"] > 0
        assert not processes_of(tmp_path)
