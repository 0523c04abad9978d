"""fill_disk: not one byte more fits where the line keeps journal, ledger and archive."""

import os
from contextlib import suppress
from pathlib import Path

from line_inspector.chaos.fault import NotPossible
from line_inspector.chaos.repeater import Repeater
from line_inspector.chaos.victim import Victim

AGAIN_S = 0.02
CHUNK_BYTES = 1 << 20


class FillDisk:
    """Fills the scratch line's own small disk, and whatever becomes free there meanwhile."""

    def __init__(self, victim: Victim) -> None:
        self._disk = victim.small_disk
        self._repeater: Repeater | None = None

    def inject(self) -> str:
        if not self._disk:
            raise NotPossible("no small disk could be mounted: run it as root, or allow user namespaces")
        self._fill()
        self._repeater = Repeater(self._fill, AGAIN_S)
        return "no space left on device"

    def heal(self) -> None:
        if self._repeater:
            self._repeater.stop()
        if self._disk:
            _ballast(self._disk.folder).unlink(missing_ok=True)

    def _fill(self) -> None:
        assert self._disk
        with _ballast(self._disk.folder).open("ab", buffering=0) as ballast, suppress(OSError):
            size_bytes = CHUNK_BYTES
            while size_bytes:
                try:
                    os.posix_fallocate(ballast.fileno(), ballast.tell(), size_bytes)
                    ballast.seek(0, os.SEEK_END)
                except OSError:
                    size_bytes //= 2


def _ballast(folder: Path) -> Path:
    return folder / "ballast"
