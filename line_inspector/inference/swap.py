"""Hot swap: a thread watches which model is current, proves the new one, and offers it between two batches."""

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from line_inspector.errors import InputError
from line_inspector.inference.engine import Engine
from line_inspector.inference.signed_directory import MANIFEST

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Identity:
    """One writing of a model directory: the folder that a link leads to, and its manifest's file."""

    folder: Path
    inode: int
    changed_ns: int


def _identify(link: Path) -> _Identity | None:
    """What `link` leads to now; None while there is nothing."""
    try:
        folder = link.resolve(strict=True)
        manifest = (folder / MANIFEST).stat()
    except OSError:
        return None
    return _Identity(folder, manifest.st_ino, manifest.st_mtime_ns)


class ModelWatch:
    """Watches the link `current`; a thread loads what it leads to, and `take` hands a ready engine over, once.

    A model that fails is named in one log line and not tried again until `current` leads elsewhere or its folder is
    written anew; the caller goes on with the engine it has.
    """

    def __init__(self, current: Path, in_service: Path, load: Callable[[Path], Engine], period_s: float = 1.0) -> None:
        """`in_service` is the folder of the engine that the caller runs; `load` is called in the thread."""
        self._current = current
        self._load = load
        self._period_s = period_s
        self._lock = threading.Lock()
        self._served = _identify(in_service)
        self._ready: tuple[_Identity, Engine] | None = None
        self._refused: _Identity | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="model-watch", daemon=True)
        self._thread.start()

    def take(self) -> Engine | None:
        """Return the new engine if one is ready, else None. Never waits for a load."""
        with self._lock:
            if self._ready is None:
                return None
            (self._served, engine), self._ready = self._ready, None
            return engine

    def close(self) -> None:
        """Stop watching; waits for a load that is under way."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._period_s):
            wanted = _identify(self._current)
            if wanted is not None and self._is_new(wanted):
                if self._served is not None:  # nothing to yield to before; and threads of a library keep its priority
                    _yield_to_inference()
                self._try(wanted)

    def _is_new(self, wanted: _Identity) -> bool:
        with self._lock:
            if wanted == self._served:
                self._ready = self._refused = None  # rolled back before the new one was taken
                return False
            offered = self._ready[0] if self._ready else None
            return wanted not in (offered, self._refused)

    def _try(self, wanted: _Identity) -> None:
        try:
            engine = self._load(wanted.folder)
        except (InputError, RuntimeError, OSError, MemoryError) as e:  # torch reports a full GPU as RuntimeError
            self._refused = wanted
            log.error("model %s stays out, the one in service runs on: %s", wanted.folder.name, _first_line(e))
            return
        if _identify(self._current) == wanted:
            with self._lock:
                self._ready = wanted, engine
            log.info("model %s is proven and ready", wanted.folder.name)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _yield_to_inference() -> None:
    """Give this thread, on Linux, the lowest priority and one core: deciding goes before loading.

    Beside a GPU only the one core: stopped while it holds a lock of the driver's, it would hold up what is in service.
    """
    torch.set_num_threads(1)  # of this thread; those already running keep theirs
    if not torch.cuda.is_available():
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
