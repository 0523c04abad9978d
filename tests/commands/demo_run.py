"""What tests of `line-inspector demo` share: the command, a copy of its line, and the processes that it leaves."""

import sys
from pathlib import Path

import psutil

DEMO = Path(__file__).parents[2] / "config" / "demo.yaml"
COMMAND = [sys.executable, "-m", "line_inspector", "demo", "--headless"]


def copy_demo_line(folder: Path) -> Path:
    """The line file's copy; its data_dir is run/demo in the folder."""
    path = folder / "config" / "demo.yaml"
    path.parent.mkdir()
    path.write_text(DEMO.read_text())
    return path


def processes_of(folder: Path) -> list[str]:
    found = psutil.process_iter(["cmdline"])
    return [line for line in (" ".join(process.info["cmdline"] or []) for process in found) if str(folder) in line]
