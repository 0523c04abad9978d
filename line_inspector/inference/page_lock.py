"""The camera's ring, page-locked for CUDA: frames are then copied to the GPU out of their slots, by the GPU itself."""

import logging
import threading
from functools import partial
from typing import Protocol

import numpy as np

from line_inspector.ring import Segment

log = logging.getLogger("inference")

READ_ONLY = 8  # cudaHostRegisterReadOnly: needed for a mapping that its own process may only read
SUCCESS = 0


class Runtime(Protocol):
    """What is used of torch.cuda.cudart(). Both return CUDA's error number."""

    def cudaHostRegister(self, address: int, size_bytes: int, flags: int, /) -> int: ...  # noqa: N802

    def cudaHostUnregister(self, address: int, /) -> int: ...  # noqa: N802


class PageLock:
    """Page-locks every segment that it is called with, and lets go of it before it is unmapped.

    That takes a tenth of a second for some hundred megabytes, so a thread does it; until it is done, and where it
    cannot be done, frames go through the engine's own page-locked memory. The thread also keeps CUDA's last error,
    which is one per thread, away from the next call of the loop.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def __call__(self, segment: Segment) -> None:
        """Returns at once."""
        threading.Thread(target=self._lock, args=(segment,), name="page-lock", daemon=True).start()

    def _lock(self, segment: Segment) -> None:
        address, size_bytes = _extent(segment)
        error = int(self._runtime.cudaHostRegister(address, size_bytes, READ_ONLY))
        if error != SUCCESS:
            log.warning("a ring of %.0f MB is not page-locked (CUDA error %d)", size_bytes / 1e6, error)
            return
        segment.before_unmap = partial(self._unlock, address)

    def _unlock(self, address: int) -> None:
        error = int(self._runtime.cudaHostUnregister(address))
        if error != SUCCESS:
            log.warning("a ring stays page-locked (CUDA error %d)", error)


def page_lock(device: str) -> PageLock | None:
    """What page-locks rings for an engine on `device` (see build.py); None where there is no GPU to do it for."""
    import torch  # a station that only shares frames does without

    if device == "cpu" or not torch.cuda.is_available():
        return None
    try:
        return PageLock(torch.cuda.cudart())  # type: ignore[no-untyped-call]  # torch's own annotation is missing
    except RuntimeError as e:  # a driver that does not start; the model runs on the CPU then (choice.py)
        log.warning("no ring is page-locked: %s", " ".join(str(e).split()))
        return None


def _extent(segment: Segment) -> tuple[int, int]:
    """Address and size in bytes."""
    pixels = np.frombuffer(segment, np.uint8)
    return pixels.ctypes.data, pixels.nbytes
