"""README.md is true: its quick commands run, its other commands exist with their options, and no command is missing."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from line_inspector.commands import build_app, command_names

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"(<!-- tested -->\n)?```sh\n(.*?)```", re.DOTALL)
TESTED = [line for mark, block in BLOCK.findall(README) if mark for line in block.splitlines()]
ALL_LINES = [line for _, block in BLOCK.findall(README) for line in block.splitlines()]
PROGRAM = "line-inspector"


def commands(group: Any, name: str = PROGRAM) -> Iterator[tuple[str, Any]]:
    """(full name, command) of every command that does something itself."""
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


COMMANDS = dict(commands(typer.main.get_command(build_app(command_names()))))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_table_with_its_arguments(name: str) -> None:
    required = [p for p in COMMANDS[name].params if p.required and p.param_type_name == "argument"]
    row = re.search(rf"^\| `{name}((?: [^`-][^ `]*)*)(?: --[^`]*)?` \| \S", README, re.MULTILINE)
    assert row, f"README.md does not tell of `{name}`"
    assert len(row[1].split()) == len(required)


def used() -> list[str]:
    """Every use of the program in README.md: in blocks of commands, and in the table."""
    rows = re.findall(rf"^\| `({PROGRAM} [^`]+)`", README, re.MULTILINE)
    lines = [line.partition(f"bin/{PROGRAM} ")[2] for line in ALL_LINES if f"bin/{PROGRAM} " in line]
    return rows + [f"{PROGRAM} {line}" for line in lines]


@pytest.mark.parametrize("line", [line for line in used() if not line.endswith("--help")])
def test_what_the_readme_writes_is_understood(line: str) -> None:
    names = [name for name in COMMANDS if line == name or line.startswith(f"{name} ")]
    assert names, f"there is no such command: {line}"
    words = shlex.split(line.removeprefix(names[0]))
    known = {option for parameter in COMMANDS[names[0]].params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("arguments", re.findall(r'ARGS="([^"]+)"', README))
def test_what_make_demo_is_told_is_understood(arguments: str) -> None:
    known = {option for parameter in COMMANDS[f"{PROGRAM} demo"].params for option in parameter.opts}
    assert {word for word in arguments.split() if word.startswith("--")} <= known


@pytest.mark.parametrize("line", TESTED)
def test_the_quick_commands_run(line: str) -> None:
    command = line.replace(".venv/bin", str(Path(sys.executable).parent))
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert "Traceback" not in done.stderr


def test_some_commands_are_tested() -> None:
    assert len(TESTED) >= 2


def test_the_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = set(re.findall(r"`make ([\w-]+)", README)) | {
        line.split()[1] for line in ALL_LINES if re.match(r"make \w", line)
    }
    assert told
    assert told <= targets


def test_the_units_of_the_readme_exist() -> None:
    told = set(re.findall(r"line-inspector[\w@-]*\.(?:service|target|timer|sysusers\.conf)\b", README))
    templates = {re.sub(r"@\w+", "@", name) for name in told}
    assert {path.name for path in (ROOT / "systemd").iterdir()} - templates <= {"line-inspector-trainer.service"}
    assert templates <= {path.name for path in (ROOT / "systemd").iterdir()} | {"line-inspector.conf"}
