"""The programs that measure a line against its bars, small: they run, count, and fail when a bar is missed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def run(program: str, *options: str) -> tuple[int, str]:
    command = [sys.executable, str(BENCHMARKS / program), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, env=os.environ, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_the_latency_of_decisions_is_measured_with_the_database_locked(tmp_path: Path) -> None:
    picture = tmp_path / "latency.png"
    code, said = run("decision_latency.py", "--parts", "200", "--bar-ms", "60", "--picture", str(picture))
    assert code == 0, said
    assert "200 parts" in said and "verdict in, accept out: " in said and "more" in said
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_bar_that_is_missed_fails() -> None:
    code, said = run("decision_latency.py", "--parts", "20", "--bar-ms", "0.001")
    assert code == 1 and "MISSED: p99 is " in said


@pytest.mark.slow
def test_a_soak_counts_every_part_and_finds_nothing_left_over() -> None:
    code, said = run("soak.py", "--parts", "1500", "--warm-up", "1500", "--cameras", "2", "--growth", "6")
    assert code == 0, said
    assert "triggers 3000 = accepted " in said and "= rows 3000" in said
    assert "| decision |" in said and "2 while it ran, 0 afterwards" in said
