"""The folder in which everything happens, and which is gone afterwards.

Import nothing here that starts threads: as a user, the small disk can be mounted only by a process without any.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from line_inspector.chaos.small_disk import SmallDisk

DISK_MB = 256  # besides the model and its copies; RAM only as far as it is used
MODEL_COPIES = 4
BYTES_PER_MB = 1_000_000


@dataclass(frozen=True)
class Scratch:
    """Places in the folder. `disk`, the line's data_dir, is a disk of its own where `small_disk` could be mounted."""

    folder: Path
    small_disk: SmallDisk | None

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    @property
    def world(self) -> Path:
        return self.folder / "world"

    @property
    def cable(self) -> Path:
        return self.folder / "cable"

    @property
    def clock_offset(self) -> Path:
        return self.folder / "clock"

    @property
    def plc_trouble(self) -> Path:
        return self.folder / "plc"

    @property
    def log(self) -> Path:
        return self.folder / "line.log"


@contextmanager
def scratch_folder(model: Path) -> Iterator[Scratch]:
    """A new folder of this kind, on whose small disk the model directory, if there is one, finds room."""
    folder = Path(tempfile.mkdtemp(prefix="line-inspector-chaos-")).resolve()
    small_disk = None
    try:
        for name in ("disk", "world"):
            (folder / name).mkdir()
        with suppress(OSError):  # not allowed on this machine: fill_disk will say so
            small_disk = SmallDisk(folder / "disk", DISK_MB + MODEL_COPIES * _size_mb(model))
        yield Scratch(folder, small_disk)
    finally:
        if small_disk:
            small_disk.close()
        shutil.rmtree(folder)


def _size_mb(folder: Path) -> int:
    return -(-sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) // BYTES_PER_MB)
