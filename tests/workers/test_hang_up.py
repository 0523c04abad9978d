"""A peer that fills the queue and hangs up: the process lives, whatever libzmq thinks of it."""

import os
import subprocess
import sys
from pathlib import Path

HANG_UP = """
import sys, time
from pathlib import Path
from worker_ends import REPLY, call, connect, door_of, link_of, make_settings
folder = Path(sys.argv[1])
settings = make_settings(folder / "keys")
with door_of(settings, folder) as door:
    with link_of(settings, folder) as link:
        connect(link, door)
        for _ in range(400):
            link.call(call())
            time.sleep(0.001)
    time.sleep(1.5)
    list(door.drain(REPLY))
    with link_of(settings, folder) as link:
        connect(link, door)
print("served")
"""


def test_who_fills_the_queue_and_hangs_up_does_not_end_the_process(tmp_path: Path) -> None:
    """With heartbeats libzmq 4.3.5 aborts here: `Assertion failed: !_io_error`."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    command = [sys.executable, "-c", HANG_UP, str(tmp_path)]
    assert subprocess.check_output(command, env=environment, text=True) == "served\n"
