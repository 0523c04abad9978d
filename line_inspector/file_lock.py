"""Lock files: whoever holds one is alone with what it stands for, until it lets go or dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held_lock(path: Path, *, wait: bool = True) -> Iterator[int]:
    """Hold the lock of the file `path`, which is made where there is none; yields its descriptor.

    A child process that inherits the descriptor holds it, too. Who holds it may remove the file. Raises BlockingIOError
    where another process holds it and this one shall not `wait`, and OSError where it cannot be written.
    """
    descriptor = _locked(path, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(path: Path, operation: int) -> int:
    """Descriptor of the locked file. One that was removed between opening and locking keeps nobody out: once more."""
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(descriptor, operation)
            if _is_still(path, descriptor):
                return descriptor
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
