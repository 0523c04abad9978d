"""What processes hold, read from /proc: resident memory, open descriptors, threads."""

from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Holding:
    """What one process held at one moment."""

    resident_kb: int
    descriptors: int
    threads: int
    cpu_s: float


def holding(pid: int) -> Holding:
    """Raises OSError when the process is gone."""
    status = dict(line.split(":", 1) for line in (PROC / str(pid) / "status").read_text().splitlines())
    spent = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return Holding(
        resident_kb=int(status["VmRSS"].split()[0]),
        descriptors=len(list((PROC / str(pid) / "fd").iterdir())),
        threads=int(status["Threads"]),
        cpu_s=(int(spent[11]) + int(spent[12])) / 100,
    )
