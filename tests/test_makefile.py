"""`make setup` on machines that lack something: it must say what, and how to get it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = ("make", "bash", "touch", "mkdir", "cat", "chmod")
# Each stands for a Python of a machine: it answers what `make setup` asks, and nothing else.
TOO_OLD = 'case "$*" in *version_info*) exit 1;; esac; exit 0'
BROKEN_SHIM = 'echo "pyenv: python: command not found" >&2; exit 127'
WITHOUT_VENV = 'case "$*" in *ensurepip*) exit 1;; esac; exit 0'
WHOLE = """
case "$*" in
  "-m venv --clear .venv") mkdir -p .venv/bin; cat "$0" > .venv/bin/python; chmod +x .venv/bin/python;;
  *"pip install"*) [ -z "${FAIL_PIP:-}" ] || { echo "no matching distribution" >&2; exit 1; }; echo x >> pip.log;;
  *"import cv2"*) [ -z "${FAIL_IMPORT:-}" ] || { echo "libGL.so.1: cannot open" >&2; exit 1; };;
esac
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder with the Makefile, and a machine with no programs but TOOLS."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def put(machine: Path, name: str, body: str) -> None:
    program = machine / "bin" / name
    program.write_text(f"#!/bin/bash\n{body}\n")
    program.chmod(0o755)


def make_setup(machine: Path, **environment: str) -> tuple[int, str]:
    environment = {"PATH": str(machine / "bin"), "HOME": os.environ.get("HOME", "/"), **environment}
    done = subprocess.run(
        [str(machine / "bin" / "make"), "setup"],
        cwd=machine,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("pythons", [{}, {"python3": TOO_OLD}, {"python3.12": BROKEN_SHIM, "python3": TOO_OLD}])
def test_without_a_new_enough_python_it_says_so(machine: Path, pythons: dict[str, str]) -> None:
    for name, body in pythons.items():
        put(machine, name, body)
    code, said = make_setup(machine)
    assert code != 0
    assert "make setup: Python 3.11 or newer is needed" in said
    assert "apt-get install python3 python3-venv" in said
    assert not (machine / ".venv").exists()


def test_without_the_venv_module_it_names_its_package(machine: Path) -> None:
    put(machine, "python3", WITHOUT_VENV)
    code, said = make_setup(machine)
    assert code != 0
    assert "make setup: python3 cannot make virtual environments" in said
    assert "apt-get install python3-venv" in said


def test_a_python_that_is_there_but_does_not_run_is_passed_over(machine: Path) -> None:
    put(machine, "python3.12", BROKEN_SHIM)
    put(machine, "python3.11", WHOLE)
    code, said = make_setup(machine)
    assert code == 0, said
    assert (machine / ".venv" / ".installed").exists()


def test_it_installs_once_and_again_only_when_the_dependencies_change(machine: Path) -> None:
    put(machine, "python3", WHOLE)
    for expected in (1, 1):
        assert make_setup(machine)[0] == 0
        assert len((machine / "pip.log").read_text().split()) == expected
    later = (machine / ".venv" / ".installed").stat().st_mtime + 10
    os.utime(machine / "pyproject.toml", (later, later))
    assert make_setup(machine)[0] == 0
    assert len((machine / "pip.log").read_text().split()) == 2


@pytest.mark.parametrize(("fault", "words"), [("FAIL_PIP", "pip could not install"), ("FAIL_IMPORT", "libgl1")])
def test_an_installation_that_failed_is_said_and_tried_again(machine: Path, fault: str, words: str) -> None:
    put(machine, "python3", WHOLE)
    code, said = make_setup(machine, **{fault: "yes"})
    assert code != 0
    assert words in said
    assert not (machine / ".venv" / ".installed").exists()
    assert make_setup(machine)[0] == 0
