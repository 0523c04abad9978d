"""The line that faults are done to: what a fault may reach for."""

import random
from dataclasses import dataclass
from pathlib import Path

from line_inspector.chaos.fault import NotPossible
from line_inspector.chaos.small_disk import SmallDisk
from line_inspector.chaos.wire import Wire
from line_inspector.config import Line
from line_inspector.supervisor import Supervised, Supervisor


@dataclass(frozen=True)
class Victim:
    """A running line in a scratch folder. `cable` and `clock_offset` are files that its stations look at.

    `world` is the line as the world knows it: with sockets of its own, which `wires` join to the line's. Its process is
    in `world_processes` once it runs. `small_disk` holds the line's data_dir, None where none could be mounted.
    `plc_trouble` is the file that the world's PLC looks at, None where the gate has none.
    """

    line: Line
    world: Line
    supervisor: Supervisor
    world_processes: list[Supervised]
    wires: tuple[Wire, ...]
    cable: Path
    clock_offset: Path
    plc_trouble: Path | None
    small_disk: SmallDisk | None
    rng: random.Random

    def serving(self, station: str) -> Supervised | None:
        """The process that has the role of the station, such as `inference` or `capture.top`, by its own word."""
        seen = self.supervisor.alive.get(station)
        for item in self.supervisor.processes:
            if seen and item.process and item.process.pid == seen.pid and item.running:
                return item
        return None

    def one_of(self, kind: str) -> str:
        """A station of this kind: its name, or that of one camera's or worker's. Raises NotPossible."""
        names = sorted({item.name.partition("#")[0] for item in self.supervisor.processes if item.kind == kind})
        if not names:
            raise NotPossible(f"this line has no {kind}")
        return self.rng.choice(names)
