"""`line-inspector chaos` in a process of its own."""

import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "config" / "demo.yaml"
COMMAND = [sys.executable, "-m", "line_inspector", "chaos"]


def chaos(line_file: Path, *options: str, timeout_s: float = 400) -> subprocess.CompletedProcess[str]:
    words = [*COMMAND, str(line_file), *options]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=timeout_s)
