"""Damages messages, rings and line files, as many as are asked for, and says what became of them.

    python tests/fuzz [messages] [decision] [rings] [configs] [--count N] [--seed S]

`messages`: every kind of message, decoded. `decision`: the same at the sockets of a real decision station, whose
accepts are judged. `rings`: headers and references of frames in shared memory. `configs`: line files. Without --count:
a million each, and 100,000 configs. Ends with exit code 1 and a traceback at the first fault; `--seed` repeats a run.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent))

from config_fuzz import fuzz_configs
from decision_fuzz import fuzz_decision
from message_fuzz import fuzz_messages
from ring_fuzz import fuzz_rings

FULL_COUNT = {"messages": 1_000_000, "decision": 1_000_000, "rings": 1_000_000, "configs": 100_000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(FULL_COUNT))
    parser.add_argument("--count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(FULL_COUNT)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    logging.disable(logging.WARNING)
    for target in arguments.targets or FULL_COUNT:
        count, begin_s = arguments.count or FULL_COUNT[target], time.monotonic()
        with tempfile.TemporaryDirectory(prefix="line-inspector-fuzz-") as folder:
            told = asdict(fuzzer(target, Path(folder))(count, arguments.seed))
        words = ", ".join(f"{value:,} {name}" for name, value in told.items())
        print(f"{target}: {words}; {time.monotonic() - begin_s:.0f} s", flush=True)


def fuzzer(target: str, folder: Path) -> Callable[[int, int], Any]:
    """What takes (count, seed) and gives a tally."""
    return {
        "messages": fuzz_messages,
        "decision": lambda count, seed: fuzz_decision(count, seed, folder),
        "rings": fuzz_rings,
        "configs": lambda count, seed: fuzz_configs(count, seed, folder),
    }[target]


if __name__ == "__main__":
    main()
