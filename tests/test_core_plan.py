"""Which cores run the network: computed from the machine and the line's stations, told by `config check`, kept to."""

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from line_inspector.commands import main
from line_inspector.config import Line, core_plan, cpu_quota
from line_inspector.line_file import parse_line


def line_with(tmp_path: Path, cameras: int = 1, **inference: object) -> Line:
    camera = {"source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 300}
    document = {"line": "l", "recipe": "disc", "data_dir": str(tmp_path), "belt": {"speed_mm_s": 250}}
    cameras_by_name = {f"c{i}": camera for i in range(cameras)}
    return parse_line({**document, "cameras": cameras_by_name, "inference": inference}, tmp_path / "line.yaml")


@pytest.mark.parametrize(
    ("cores", "cameras", "inference", "threads", "taken", "others"),
    [
        (1, 1, {}, 1, (0,), (0,)),
        (2, 1, {}, 1, (1,), (0,)),
        (4, 1, {}, 3, (1, 2, 3), (0,)),
        (4, 6, {}, 2, (2, 3), (0, 1)),
        (32, 1, {}, 8, tuple(range(24, 32)), tuple(range(24))),
        (4, 1, {"threads": 2}, 2, (2, 3), (0, 1)),
        (2, 1, {"threads": 4}, 4, (1,), (0,)),
        (6, 1, {"workers": {"a": {"host": "local"}, "b": {"host": "local"}}}, 2, (2, 3, 4, 5), (0, 1)),
    ],
)
def test_the_network_gets_what_the_other_stations_leave(
    tmp_path: Path, cores: int, cameras: int, inference: dict, threads: int, taken: tuple, others: tuple
) -> None:
    plan = core_plan(line_with(tmp_path, cameras, **inference), range(cores), quota=math.inf)
    assert (plan.threads, plan.inference, plan.others) == (threads, taken, others)


def test_only_cores_that_this_process_may_use_are_shared_out(tmp_path: Path) -> None:
    plan = core_plan(line_with(tmp_path), {5, 9, 11}, quota=math.inf)
    assert (plan.inference, plan.others) == ((9, 11), (5,))
    assert set(core_plan(line_with(tmp_path)).inference) <= os.sched_getaffinity(0)


@pytest.mark.parametrize(
    ("quota", "cameras", "inference", "threads"),
    [
        (2, 1, {}, 1),
        (2.9, 1, {}, 1),
        (3, 1, {}, 2),
        (8, 1, {}, 7),
        (8, 6, {}, 6),
        (0.5, 1, {}, 1),
        (64, 1, {}, 8),
        (5, 1, {"workers": {"a": {"host": "local"}, "b": {"host": "local"}}}, 2),
        (2, 1, {"threads": 4}, 4),
    ],
)
def test_no_more_threads_than_a_quota_pays_for(
    tmp_path: Path, quota: float, cameras: int, inference: dict, threads: int
) -> None:
    """Of 16 cores that the process sees; it may run on any of them, only not on all at once."""
    plan = core_plan(line_with(tmp_path, cameras, **inference), range(16), quota)
    assert plan.threads == threads
    assert sorted(plan.inference + plan.others) == list(range(16))


LINE_FILE = """\
line: l
recipe: disc
data_dir: data
belt: {speed_mm_s: 250}
cameras: {top: {source: {kind: simulated}, trigger: {kind: line}, to_gate_mm: 300}}
simulation: {}
inference: {threads: 1, pin: true}
"""


def test_config_check_tells_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "line.yaml").write_text(LINE_FILE)
    with pytest.raises(SystemExit):
        main(["config", "check", str(tmp_path / "line.yaml")])
    words = capsys.readouterr().out
    assert "inference: 1 CPU thread of the network" in words and "; pinned: inference to core" in words
    assert ("a quota pays for" in words) is math.isfinite(cpu_quota())


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core cannot be shared out")
def test_a_station_keeps_to_its_cores(tmp_path: Path) -> None:
    (tmp_path / "line.yaml").write_text(LINE_FILE)
    command = [sys.executable, "-m", "stations.decision", str(tmp_path / "line.yaml")]
    with subprocess.Popen(command) as station:
        try:
            end_s = time.monotonic() + 30
            while os.sched_getaffinity(station.pid) == os.sched_getaffinity(0) and time.monotonic() < end_s:
                time.sleep(0.05)
            assert os.sched_getaffinity(station.pid) == set(sorted(os.sched_getaffinity(0))[:-1])
        finally:
            station.kill()
