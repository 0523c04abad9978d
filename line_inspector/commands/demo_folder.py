"""The demo's folder: claimed for one demo at a time, and emptied only if a demo made it and nothing runs in it."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from line_inspector.config import Line
from line_inspector.errors import InputError
from line_inspector.station_lock import RoleTaken, station_lock

MARKER = ".made-by-demo"
DEMO = "demo"


def require_ours(folder: Path) -> None:
    """Raises InputError for a file, and for a folder that holds anything but what a demo has made."""
    if folder.exists() and not folder.is_dir():
        raise InputError("data_dir is a file", str(folder), "Change data_dir in the line file")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise InputError("is not a folder that a demo made", str(folder), "Move it away, or change data_dir")


def require_outside(path: Path, folder: Path) -> None:
    """Raises InputError for a path in the folder that will be emptied."""
    if path.is_relative_to(folder):
        raise InputError("lies in data_dir, which the demo empties", str(path), "Move it, or change data_dir")


@contextmanager
def claimed(line: Line) -> Iterator[None]:
    """Makes the folder and keeps it for this demo. Raises InputError when another demo, or a line, runs in it."""
    try:
        line.data_dir.mkdir(parents=True, exist_ok=True)
        (line.data_dir / MARKER).touch()
    except OSError as e:
        raise InputError(f"cannot write here ({e.strerror})", str(line.data_dir), "Check data_dir") from e
    try:
        with ExitStack() as demo_lock:
            demo_lock.enter_context(station_lock(line.sockets_dir, DEMO))
            _require_idle(line.sockets_dir)
            yield
    except RoleTaken as e:
        raise InputError(f"a line runs here ({e.what})", str(line.data_dir), "Stop it first") from e


def empty(line: Line) -> None:
    """Removes what an earlier demo left, but for the locks: a process that waits for one must meet the same file."""
    try:
        for path in [*line.data_dir.iterdir(), *line.sockets_dir.iterdir()]:
            if path.name == MARKER or path == line.sockets_dir or path.suffix == ".lock":
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError as e:
        raise InputError(f"cannot be emptied ({e.strerror})", str(e.filename), "Remove it yourself") from e


def _require_idle(sockets_dir: Path) -> None:
    """Every station that has ever run here has left its lock file, and a running one holds it."""
    with ExitStack() as locks:
        for path in sorted(sockets_dir.glob("*.lock")):
            if path.stem != DEMO:
                locks.enter_context(station_lock(sockets_dir, path.stem))
