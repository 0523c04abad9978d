"""Peers that hang up, and peers that only knock: the process lives, whatever libzmq thinks of them."""

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


FLOOD = """
import socket, sys
from pathlib import Path
from worker_ends import door_of, make_settings
folder = Path(sys.argv[1])
settings = make_settings(folder / "keys")
host, port = settings.host.removeprefix("tcp://").split(":")
with door_of(settings, folder) as door:
    for _ in range(3000):
        socket.create_connection((host, int(port)), timeout=5).close()
print("closed")
"""


def run(program: str, folder: Path) -> str:
    """In a process of its own, which may end or stand still."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.check_output(command, env=environment, text=True, timeout=60)


def test_who_fills_the_queue_and_hangs_up_does_not_end_the_process(tmp_path: Path) -> None:
    """With heartbeats libzmq 4.3.5 aborts here: `Assertion failed: !_io_error`."""
    assert run(HANG_UP, tmp_path) == "served\n"


def test_connections_that_nobody_looks_at_hold_up_no_socket(tmp_path: Path) -> None:
    """With the usual bound of its queue of events ZeroMQ's thread waits here, and the door never closes."""
    assert run(FLOOD, tmp_path) == "closed\n"
