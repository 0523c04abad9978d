"""Every fault once, one after another, on the line of the demo and with the model that the command trains for it."""

import json
import statistics
from pathlib import Path

import pytest
from chaos_run import chaos

from line_inspector.chaos.catalogue import CATALOGUE

KEYS = {
    "name", "parts_in_flight", "uninspected_accepted", "defective_accepted", "ledger_gaps", "safe_after_ms",
    "service_after_ms",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("leaves_nothing")
def test_every_fault_once_on_the_demos_line(line_file: Path, tmp_path: Path) -> None:
    done = chaos(line_file, "--json", "--minutes", "2.5", "--seed", "1", "--evidence", str(tmp_path / "kept"))
    assert "Traceback" not in done.stderr
    told = json.loads(done.stdout)
    log = (tmp_path / "kept" / "line.log").read_text()
    assert done.returncode == 0, (told, log[-4000:])
    assert told["uninspected_accepted"] == told["defective_accepted"] == told["ledger_gaps"] == 0
    assert told["seed"] == 1 and told["minutes"] > 2 and told["machine"] and told["parts"] > 300
    faults = told["faults"]
    assert len(faults) >= 12
    assert {found["name"] for found in faults} <= CATALOGUE.keys()
    for found in faults:
        assert found.keys() >= KEYS
        assert found["uninspected_accepted"] == found["defective_accepted"] == found["ledger_gaps"] == 0, found
        assert found["safe_after_ms"] == 0
        assert found["restarts"] <= found["name"].startswith("kill_"), (found, log[-4000:])
    assert statistics.median(f["service_after_ms"] for f in faults if f["service_after_ms"] is not None) < 3000
    assert "Traceback" not in log
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {
        "line.log", "world.jsonl", "ledger.sqlite", "line.yaml",
    }  # fmt: skip
