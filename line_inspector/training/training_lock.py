"""One training at a time for each model directory: a second one would tear up the first one's checkpoint."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from line_inspector.errors import InputError


@contextmanager
def training_lock(out: Path) -> Iterator[None]:
    """Hold the right to train the model directory `out`. A process that ends loses it, however it ends.

    Raises InputError where another process holds it, and where nothing can be written beside `out`.
    """
    path = out.parent / f".{out.name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(path)
    except BlockingIOError as e:
        what = "another training is about to write this model"
        raise InputError(what, str(out), "Wait for its end, or name another folder.") from e
    except OSError as e:
        raise InputError(f"cannot be written ({e.strerror})", str(out), "Name another folder.") from e
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a file that stays behind locks nobody out
            path.unlink()
        os.close(descriptor)


def _locked(path: Path) -> int:
    """Descriptor of the locked file. One that was removed between opening and locking locks nobody out: once more."""
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
