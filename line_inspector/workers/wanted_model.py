"""The worker's model is the one that its line wants: a thread waits for its folder, proves it, and offers it.

The thread has the priority of the process. With a lower one, on a busy core, it would be stopped while it holds
Python's lock, and the worker would fall silent.
"""

import logging
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from line_inspector.errors import InputError
from line_inspector.inference.engine import Engine
from line_inspector.workers.model_id import NO_MODEL, ModelId, model_id

log = logging.getLogger("worker")

VERSION = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
PERIOD_S = 0.2
LAST_LOAD_S = 1.0
AFTER_FAILURE_S = 5.0  # a folder that is being copied fails until its last file is there


class WantedModel:
    """Loads `<models>/<version>` once its manifest is the wanted one; `take` hands a ready engine over, once."""

    def __init__(self, models: Path, load: Callable[[Path], Engine]) -> None:
        """`load` is called in the thread, and raises InputError for a model that cannot be trusted."""
        self._models, self._load = models, load
        self._lock = threading.Lock()
        self._wanted = self._served = NO_MODEL
        self._ready: tuple[ModelId, Engine] | None = None
        self._said = ""
        self._not_before_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="wanted-model", daemon=True)
        self._thread.start()

    def want(self, model: ModelId) -> None:
        """What the line wants now."""
        with self._lock:
            if model not in (NO_MODEL, self._wanted):
                self._wanted, self._not_before_s = model, 0.0

    def take(self) -> tuple[ModelId, Engine] | None:
        """A newly loaded model, once. Never waits."""
        with self._lock:
            ready, self._ready = self._ready, None
            return ready

    def close(self) -> None:
        """Stops. A load that is under way is not waited for."""
        self._stop.set()
        self._thread.join(LAST_LOAD_S)

    def _watch(self) -> None:
        while not self._stop.wait(PERIOD_S):
            with self._lock:
                wanted, due = self._wanted, time.monotonic() >= self._not_before_s
            if due and wanted not in (NO_MODEL, self._served):
                self._try(wanted)

    def _try(self, wanted: ModelId) -> None:
        folder = self._models / wanted.version
        if not VERSION.fullmatch(wanted.version) or model_id(folder) != wanted:
            there = "another model of that name" if folder.exists() else "no such model"
            self._say(f"the line wants model {wanted.version}, here is {there}: copy it to {folder}")
            return
        try:
            engine = self._load(folder)
        except (InputError, RuntimeError, OSError, MemoryError) as e:  # torch reports a full GPU as RuntimeError
            self._say(f"model {wanted.version} cannot be loaded: {str(e).partition(chr(10))[0] or type(e).__name__}")
            with self._lock:
                self._not_before_s = time.monotonic() + AFTER_FAILURE_S
            return
        if model_id(folder) != wanted or engine.version != wanted.version:
            self._say(f"{folder} does not hold model {wanted.version}")
            return
        self._said = ""
        with self._lock:
            self._served, self._ready = wanted, (wanted, engine)

    def _say(self, what: str) -> None:
        if what != self._said:
            self._said = what
            log.error("%s", what)
