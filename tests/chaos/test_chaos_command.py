"""`line-inspector chaos` as a person starts it: what it refuses, a short run, Ctrl-C, and that it can fail."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from line_inspector.chaos.catalogue import CATALOGUE
from line_inspector.ring import SHM

DEMO = Path(__file__).parents[2] / "config" / "demo.yaml"
COMMAND = [sys.executable, "-m", "line_inspector", "chaos"]
KEYS = {
    "name", "parts_in_flight", "uninspected_accepted", "defective_accepted", "ledger_gaps", "safe_after_ms",
    "service_after_ms",
}  # fmt: skip
# A line that answers for a part it never saw: what the test must find. Every process of the line imports this.
UNSAFE = """
import line_inspector.decision.open_part as open_part
from line_inspector.decision.policy import Finding
from line_inspector.part_record import Reason
open_part.unanswered = lambda worker_down: Finding(Reason.GOOD)
"""


@pytest.fixture
def line_file(tmp_path: Path) -> Path:
    """A copy of the demo's line, whose data_dir does not exist."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "demo.yaml").write_text(DEMO.read_text())
    return tmp_path / "config" / "demo.yaml"


@pytest.fixture(autouse=True)
def leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process, no frame ring, no folder, and nothing in the real line's data_dir."""
    scratch = Path(tempfile.mkdtemp(dir="/tmp"))  # short enough for sockets
    monkeypatch.setenv("TMPDIR", str(scratch))
    before = {path.name for path in SHM.iterdir()}
    yield
    assert not [path.name for path in SHM.glob("line-inspector.demo-*") if path.name not in before]
    assert list(scratch.glob("line-inspector*")) == []
    lines = (" ".join(found.info["cmdline"] or []) for found in psutil.process_iter(["cmdline"]))
    assert not [line for line in lines if str(scratch) in line]
    shutil.rmtree(scratch)
    assert not (tmp_path / "run").exists()


def chaos(line_file: Path, *options: str, timeout_s: float = 400) -> subprocess.CompletedProcess[str]:
    words = [*COMMAND, str(line_file), *options]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=timeout_s)


def change(line_file: Path, **changed: Any) -> None:
    line_file.write_text(yaml.safe_dump(yaml.safe_load(line_file.read_text()) | changed))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--fault", "kill_decison"), "--fault kill_decison: no such fault. Known: kill_decision"),
        (("--evidence", "/tmp"), "is there already"),
    ],
)
def test_bad_input_is_one_line(line_file: Path, options: tuple[str, ...], message: str) -> None:
    done = chaos(line_file, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_no_line_file_and_a_misspelt_key(line_file: Path) -> None:
    assert chaos(line_file.with_name("none.yaml")).returncode == 2
    change(line_file, bolt=1)
    done = chaos(line_file)
    assert done.returncode == 2 and "Did you mean 'belt'?" in done.stderr


def test_a_signal_before_the_line_runs(line_file: Path) -> None:
    done = interrupted(line_file, signal.SIGTERM, "Training")
    assert done.returncode == 130
    assert done.stderr.strip().splitlines()[-1] == "Stopped before the first fault."
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("after", ["training ", "Starting the stations"])
def test_ctrl_c_before_the_first_fault(line_file: Path, after: str) -> None:
    done = interrupted(line_file, signal.SIGINT, after)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(
    "gate", [{"kind": "modbus", "host": "192.0.2.1"}, {"kind": "opcua", "endpoint": "opc.tcp://192.0.2.1:4840/"}]
)
def test_a_line_behind_a_plc_keeps_its_promise_when_the_plc_does_not(line_file: Path, gate: dict[str, str]) -> None:
    change(line_file, decision={"gate": gate | {"window_ms": 60}})
    faults = ("pause_plc", "restart_plc", "jump_plc_clock", "cut_gate")
    options = [word for name in faults for word in ("--fault", name)]
    done = chaos(line_file, "--json", "--minutes", "0.5", "--seed", "1", *options)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {found["name"] for found in told["faults"]} <= set(faults)
    assert told["uninspected_accepted"] == told["defective_accepted"] == told["ledger_gaps"] == 0
    assert told["accepted"] > 5 and not told["not_possible"]


@pytest.mark.slow
def test_a_line_that_accepts_what_it_never_saw_is_found_out(
    line_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unsafe").mkdir()
    (tmp_path / "unsafe" / "sitecustomize.py").write_text(UNSAFE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'unsafe'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    done = chaos(line_file, "--json", "--minutes", "0", "--seed", "1", "--fault", "freeze_inference")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    (found,) = told["faults"]
    assert found["name"] == "freeze_inference" and found["uninspected_accepted"] > 0 and found["safe_after_ms"] > 0


@pytest.mark.slow
def test_ctrl_c_between_two_faults_still_reports(line_file: Path) -> None:
    done = interrupted(line_file, signal.SIGINT, "jump_clock", "--minutes", "60", "--fault", "jump_clock")
    assert done.returncode == 0, done.stderr
    assert "Accepted uninspected: 0 (must be 0)" in done.stderr and "Traceback" not in done.stderr


def interrupted(line_file: Path, number: int, after: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs the command, and sends it the signal when it has said `after`; all it says is in `stderr` afterwards."""
    words = [*COMMAND, str(line_file), *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as running:
        assert running.stdout
        said = ""
        for text in running.stdout:
            said += text
            if after in text:
                os.kill(running.pid, number)
                break
        out, _ = running.communicate(timeout=200)
    return subprocess.CompletedProcess(words, running.returncode, "", said + out)
