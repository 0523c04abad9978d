"""One training at a time for each model directory: a second one would tear up the first one's checkpoint."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from line_inspector.errors import InputError
from line_inspector.file_lock import held_lock


@contextmanager
def training_lock(out: Path) -> Iterator[None]:
    """Hold the right to train the model directory `out`. A process that ends loses it, however it ends.

    Raises InputError where another process holds it, and where nothing can be written beside `out`.
    """
    path = out.parent / f".{out.name}.lock"
    with ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(held_lock(path, wait=False))
        except BlockingIOError as e:
            what = "another training is about to write this model"
            raise InputError(what, str(out), "Wait for its end, or name another folder.") from e
        except OSError as e:
            raise InputError(f"cannot be written ({e.strerror})", str(out), "Name another folder.") from e
        try:
            yield
        finally:
            with suppress(OSError):  # a file that stays behind keeps nobody out
                path.unlink()
