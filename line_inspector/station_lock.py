"""A station's name on its line, which one process holds at a time."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from line_inspector.errors import InputError
from line_inspector.file_lock import held_lock


class RoleTaken(InputError):
    """Another process already is this station."""


@contextmanager
def station_lock(sockets_dir: Path, name: str) -> Iterator[None]:
    """Holds the station's name on this line. Raises RoleTaken when another process has it."""
    with ExitStack() as held:
        try:
            sockets_dir.mkdir(parents=True, exist_ok=True)
            held.enter_context(held_lock(sockets_dir / f"{name}.lock", wait=False))
        except BlockingIOError as e:
            raise RoleTaken(f"station {name} is already running", str(sockets_dir), "Stop it first") from e
        except OSError as e:
            what = f"cannot write here ({e.strerror})"
            raise InputError(what, str(sockets_dir), "Check data_dir and the disk") from e
        yield
