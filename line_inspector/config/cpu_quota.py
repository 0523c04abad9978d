"""The CPU quota of this process's control groups: a container's `--cpus=`, or `CPUQuota=` of a systemd unit.

Whoever has used it up stands still until its next period, a tenth of a second, as a rule; so no more threads should
compute than it pays for. The number of cores does not tell: a process with a quota sees all of them.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc/self")
V2_FILES = ("cpu.max",)  # `200000 100000` or `max 100000`: microseconds in each period
V1_FILES = ("cpu.cfs_quota_us", "cpu.cfs_period_us")


@dataclass(frozen=True)
class _Mount:
    """A control group file system: which group lies at `point`, and the files in which a group holds its quota."""

    group: str
    point: Path
    files: tuple[str, ...]


def cpu_quota(proc: Path = PROC) -> float:
    """How many cores' time this process may use, `math.inf` without a limit: the tightest of its own group and above.

    `proc` is the process's folder in /proc; its `cgroup` and `mountinfo` tell where to look, in version 1 and 2. What
    cannot be read limits nothing.
    """
    groups = dict(_groups(_read(proc / "cgroup")))
    quotas = [
        _quota(folder, mount.files)
        for mount in _mounts(_read(proc / "mountinfo"))
        if mount.files in groups
        for folder in _folders(mount, groups[mount.files])
    ]
    return min(quotas, default=math.inf)


def _groups(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The process's group in version 2, of the line `0::/path`, and that of version 1's controller `cpu`."""
    for line in text.split("\n"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield V2_FILES, path
        elif "cpu" in controllers.split(","):
            yield V1_FILES, path


def _mounts(text: str) -> Iterator[_Mount]:
    for line in text.split("\n"):
        before, _, after = line.partition(" - ")
        where, kind = before.split(" "), after.split(" ")
        if len(where) < 5 or len(kind) < 3:
            continue
        group, point = _unescaped(where[3]), Path(_unescaped(where[4]))
        if kind[0] == "cgroup2":
            yield _Mount(group, point, V2_FILES)
        elif kind[0] == "cgroup" and "cpu" in kind[2].split(","):
            yield _Mount(group, point, V1_FILES)


def _folders(mount: _Mount, group: str) -> Iterator[Path]:
    """The group's folder and those above it, as far as they can be seen; a container may see no more than its own."""
    yield mount.point
    if Path(group).is_relative_to(mount.group):
        below = Path(group).relative_to(mount.group)
        if ".." not in below.parts:
            yield from (mount.point.joinpath(*below.parts[:depth]) for depth in range(1, len(below.parts) + 1))


def _quota(folder: Path, files: tuple[str, ...]) -> float:
    values = " ".join(_read(folder / name) for name in files).split()
    try:
        cores = int(values[0]) / int(values[1])
    except (IndexError, ValueError, ArithmeticError):  # also `max`
        return math.inf
    return cores if cores > 0 else math.inf  # version 1 says -1 for no limit


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="surrogateescape")
    except (OSError, ValueError):  # no file's name holds a NUL
        return ""


def _unescaped(field: str) -> str:
    """A space in a path is written \\040 there."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
