"""The space left on a disk, for those who must leave some of it to others."""

import os
from pathlib import Path

ASK_EVERY_NS = 1_000_000_000
BYTES_PER_MB = 1_000_000


class FreeSpace:
    """The disk that `folder` lies on, or will lie on. Asks it at most once a second; `least_mb` 0 never asks."""

    def __init__(self, folder: Path, least_mb: float) -> None:
        self._folder, self._least_mb = folder, least_mb
        self._answer = ""
        self._ask_again_ns = 0

    def shortage(self, now_ns: int) -> str:
        """What is missing, in words; empty while enough is free, and where the disk gives no answer."""
        if self._least_mb and now_ns >= self._ask_again_ns:
            self._ask_again_ns = now_ns + ASK_EVERY_NS
            free = free_mb(self._folder)
            short = free is not None and free < self._least_mb
            self._answer = f"{free:.1f} MB are free, less than {self._least_mb:g} MB" if short else ""
        return self._answer


def free_mb(folder: Path) -> float | None:
    """Megabytes free on the disk that `folder` lies on, or will lie on; None where it gives no answer."""
    for existing in (folder, *folder.parents):
        try:
            disk = os.statvfs(existing)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:  # who writes there will meet the fault, too, and report it
            return None
        return disk.f_bavail * disk.f_frsize / BYTES_PER_MB
    return None
