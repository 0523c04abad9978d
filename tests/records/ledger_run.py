"""Commands as a user runs them, in a process of their own."""

import subprocess
import sys

RUN = "import sys; from line_inspector.commands import main; sys.argv[0] = 'line-inspector'; main()"


def run_any(*arguments):
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def run(*arguments):
    return run_any("ledger", *arguments)
