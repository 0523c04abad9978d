"""`line-inspector chaos` as a person starts it: what it refuses, a short run, Ctrl-C, and that it can fail."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chaos_run import COMMAND, DEMO, chaos
from mutations import files_below

from line_inspector.chaos.stand_in_model import train_stand_in
from line_inspector.line_file import read_line_file
from line_inspector.training.registry import Registry

pytestmark = pytest.mark.usefixtures("leaves_nothing")

# A line that answers for a part it never saw: what the test must find. Every process of the line imports this.
UNSAFE = """
import line_inspector.decision.open_part as open_part
from line_inspector.decision.policy import Finding
from line_inspector.part_record import Reason
open_part.unanswered = lambda worker_down: Finding(Reason.GOOD)
"""


# A line that does not recover: whoever decides after the first one rejects all. Every process of the line imports this.
LAME = """
import os, sys
from pathlib import Path
if "stations.decision" in sys.orig_argv:
    starts = Path(os.environ["DECISION_STARTS"])
    if starts.exists():
        import line_inspector.decision.policy as policy
        from line_inspector.part_record import Reason
        policy.judge = lambda *_, **__: policy.Finding(Reason.NO_VERDICT)
    starts.touch()
"""


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model that the command trains for a line without one."""
    return train_stand_in(read_line_file(DEMO), tmp_path_factory.mktemp("stand-in"))


@pytest.fixture
def served_line(line_file: Path, stand_in: Path) -> Iterator[Path]:
    """The demo's line with a model in service, on torch, which needs no export. The command changes none of it."""
    change(line_file, inference={"threads": 1, "engine": "torch"})
    line = read_line_file(line_file)
    Registry(line.registry_dir, line.recipe).publish(stand_in)
    before = files_below(line.data_dir)
    yield line_file
    assert files_below(line.data_dir) == before
    shutil.rmtree(line.data_dir.parent)


@pytest.fixture
def imported_by_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has every process of the line run this code when it starts."""

    def write(code: str) -> None:
        folder = tmp_path / "imported"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    return write


def change(line_file: Path, **changed: Any) -> None:
    line_file.write_text(yaml.safe_dump(yaml.safe_load(line_file.read_text()) | changed))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--fault", "kill_decison"), "--fault kill_decison: no such fault. Did you mean kill_decision?"),
        (("--fault", "bite"), "--fault bite: no such fault. Known: kill_decision, "),
        (("--evidence", "/tmp"), "is there already"),
        (("--minutes", "0"), "--minutes 0: is no time. Give more than 0, and 1440 at most"),
        (("--minutes", "-1"), "--minutes -1: is no time"),
        (("--minutes", "1441"), "--minutes 1441: is no time"),
        (("--minutes", "nan"), "--minutes nan: is no time"),
        (("--minutes", "inf"), "--minutes inf: is no time"),
        (("--fault", "pause_plc"), "--fault pause_plc: cannot be done to line demo-"),
        (("--fault", "cut_gate", "--fault", "kill_worker"), "It names no worker on this host: inference.workers"),
        (("--fault", "freeze_encoder"), "Nothing reads its belt's count: belt.encoder.source"),
    ],
)
def test_bad_input_is_one_line(line_file: Path, options: tuple[str, ...], message: str) -> None:
    done = chaos(line_file, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1, "nothing trained, nothing started"


def test_no_line_file_and_a_misspelt_key(line_file: Path) -> None:
    assert chaos(line_file.with_name("none.yaml")).returncode == 2
    change(line_file, bolt=1)
    done = chaos(line_file)
    assert done.returncode == 2 and "Did you mean 'belt'?" in done.stderr


def test_a_signal_before_the_line_runs(line_file: Path) -> None:
    change(line_file, records={"ledger": "postgresql+psycopg://user:secret@192.0.2.1/ledger"})
    done = interrupted(line_file, signal.SIGTERM, "Training")
    assert done.returncode == 130
    assert "Not as in the line file: records.ledger (PostgreSQL; now a SQLite file).\n" in done.stderr
    assert "secret" not in done.stderr
    assert done.stderr.strip().splitlines()[-1] == "Stopped before the first fault."
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("line", "after"), [("line_file", "training "), ("served_line", "Starting the stations")])
def test_ctrl_c_before_the_first_fault(request: pytest.FixtureRequest, line: str, after: str) -> None:
    done = interrupted(request.getfixturevalue(line), signal.SIGINT, after)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "gate", [{"kind": "modbus", "host": "192.0.2.1"}, {"kind": "opcua", "endpoint": "opc.tcp://192.0.2.1:4840/"}]
)
def test_a_line_behind_a_plc_keeps_its_promise_when_the_plc_does_not(served_line: Path, gate: dict[str, str]) -> None:
    change(served_line, decision={"gate": gate | {"window_ms": 60}})
    faults = ("pause_plc", "restart_plc", "jump_plc_clock", "cut_gate")
    options = [word for name in faults for word in ("--fault", name)]
    done = chaos(served_line, "--json", "--minutes", "0.5", "--seed", "1", *options)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {found["name"] for found in told["faults"]} <= set(faults)
    assert told["uninspected_accepted"] == told["defective_accepted"] == told["ledger_gaps"] == 0
    assert told["accepted"] > 5 and not told["not_possible"]
    assert set(told["not_reached"]) == set(faults) - {found["name"] for found in told["faults"]}


@pytest.mark.slow
def test_a_line_that_accepts_what_it_never_saw_is_found_out(
    served_line: Path, imported_by_all: Callable[[str], None]
) -> None:
    imported_by_all(UNSAFE)
    done = chaos(served_line, "--json", "--minutes", "0.001", "--seed", "1", "--fault", "freeze_inference")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    (found,) = told["faults"]
    assert found["name"] == "freeze_inference" and found["uninspected_accepted"] > 0 and found["safe_after_ms"] > 0


@pytest.mark.slow
def test_a_line_that_never_serves_again_is_found_out(
    served_line: Path, imported_by_all: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported_by_all(LAME)
    monkeypatch.setenv("DECISION_STARTS", str(tmp_path / "starts"))
    done = chaos(served_line, "--minutes", "0.001", "--seed", "1", "--fault", "kill_decision")
    assert done.returncode == 1, done.stderr
    assert "Accepted uninspected: 0 (must be 0)" in done.stdout and "Never served again: 1 (must be 0)" in done.stdout


@pytest.mark.slow
def test_ctrl_c_between_two_faults_still_reports(served_line: Path) -> None:
    done = interrupted(served_line, signal.SIGINT, "jump_clock", "--minutes", "60", "--fault", "jump_clock")
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
