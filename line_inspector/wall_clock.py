"""The wall clock: what people read, and when the night begins. Nothing is decided by it.

The one place where stations read it, so that `line-inspector chaos` can set theirs wrong without touching the
machine's: OFFSET_FILE in the environment names a file with the nanoseconds to add.
"""

import os
import time
from pathlib import Path

OFFSET_FILE = "LINE_INSPECTOR_WALL_CLOCK_OFFSET_FILE"


def wall_ns() -> int:
    """Unix time, in nanoseconds."""
    offset_file = os.environ.get(OFFSET_FILE)
    return time.time_ns() + (int(Path(offset_file).read_text()) if offset_file else 0)
