"""What befalls the simulated PLC, for `line-inspector chaos`: a file says it, and the PLC's thread looks at it.

TROUBLE_FILE in the environment names the file, which holds a state and by how many milliseconds the PLC's clock is off.
"""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

TROUBLE_FILE = "LINE_INSPECTOR_PLC_TROUBLE_FILE"
LOOK_S = 0.02


class PlcState(StrEnum):
    """`paused`: the program stands still behind a server that answers. `off`: nothing is there; then it starts anew."""

    RUNNING = "running"
    PAUSED = "paused"
    OFF = "off"


@dataclass(frozen=True)
class Trouble:
    """`clock_shift_ms` is added to the PLC's clock, whatever it was before."""

    state: PlcState = PlcState.RUNNING
    clock_shift_ms: int = 0


def trouble_file() -> Path | None:
    """Where this process is told of its trouble; None where nobody makes any."""
    path = os.environ.get(TROUBLE_FILE)
    return Path(path) if path else None


def read_trouble(path: Path) -> Trouble:
    """What the PLC suffers now. Raises OSError."""
    state, shift_ms = path.read_text().split()
    return Trouble(PlcState(state), int(shift_ms))


def write_trouble(path: Path, trouble: Trouble) -> None:
    """Tells the PLC, all at once. Raises OSError."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(f"{trouble.state} {trouble.clock_shift_ms}")
    partial.replace(path)
