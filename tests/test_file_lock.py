"""One process at a time, whatever becomes of the file."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from line_inspector.file_lock import held_lock

HOLD = """
import pathlib, sys
from line_inspector.file_lock import held_lock
with held_lock(pathlib.Path(sys.argv[1])):
    print(flush=True)
    input()
"""


def holder(path: Path) -> "subprocess.Popen[bytes]":
    """Another process, which has the lock or waits for it, until it is killed."""
    return subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def wait_until_opened(path: Path, by: int) -> None:
    """Until process `by` has the file open."""
    end_s = time.monotonic() + 30
    while str(path) not in [os.path.realpath(opened) for opened in Path(f"/proc/{by}/fd").iterdir()]:
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_lock_is_refused_while_another_process_lives_and_free_when_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as other:
        assert other.stdout is not None and other.stdout.readline()
        with pytest.raises(BlockingIOError), held_lock(path, wait=False):
            pass
        other.kill()
    with held_lock(path, wait=False):
        pass


def test_who_has_waited_for_a_file_that_was_removed_holds_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held_lock(path):
        other = holder(path)
        wait_until_opened(path, other.pid)
        path.unlink()
    with other:
        assert other.stdout is not None and other.stdout.readline()
        with pytest.raises(BlockingIOError), held_lock(path, wait=False):
            pass
        other.kill()


def test_a_place_where_nothing_can_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), held_lock(tmp_path / "nowhere" / "lock"):
        pass
