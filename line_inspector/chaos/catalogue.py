"""The one table of faults."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from line_inspector.chaos.corrupt_frames import CorruptFrames
from line_inspector.chaos.corrupt_messages import CorruptMessages
from line_inspector.chaos.cut_gate import CutGate
from line_inspector.chaos.fault import Course, Fault
from line_inspector.chaos.fill_disk import FillDisk
from line_inspector.chaos.freeze import Freeze
from line_inspector.chaos.jump_clock import JumpClock
from line_inspector.chaos.kill import Kill
from line_inspector.chaos.lock_database import LockDatabase
from line_inspector.chaos.stall_engine import StallEngine
from line_inspector.chaos.trouble_plc import JumpPlcClock, StopPlc
from line_inspector.chaos.unplug_camera import UnplugCamera
from line_inspector.chaos.victim import Victim
from line_inspector.config import Line, PlcGateSection
from line_inspector.errors import InputError
from line_inspector.simulation.plc_trouble import PlcState
from stations import STATIONS

BLOW = Course()
SHORT_OR_LONG = Course(0.3, 5.0)  # shorter than the heartbeat's timeout, and longer than any part's deadline
LASTING = Course(2.0, 5.0)
DEAF = Course(SHORT_OR_LONG.shortest_s, SHORT_OR_LONG.longest_s, silences_gate=True)


@dataclass(frozen=True)
class Row:
    """One fault: how it goes, how to make it, and what happens, for people."""

    course: Course
    build: Callable[[Victim], Fault]
    meaning: str


CATALOGUE: dict[str, Row] = {
    **{f"kill_{kind.name}": Row(BLOW, partial(Kill, kind=kind.name), f"SIGKILL to {kind.name}") for kind in STATIONS},
    **{
        f"freeze_{kind.name}": Row(
            Course(SHORT_OR_LONG.shortest_s, SHORT_OR_LONG.longest_s, silences_gate=kind.name == "decision"),
            partial(Freeze, kind=kind.name),
            f"SIGSTOP to {kind.name}, later SIGCONT",
        )
        for kind in STATIONS
    },
    "stall_engine": Row(LASTING, StallEngine, "the worker runs in slices of 20 ms, up to half a second apart"),
    "unplug_camera": Row(SHORT_OR_LONG, UnplugCamera, "the cameras deliver nothing"),
    "fill_disk": Row(LASTING, FillDisk, "no space left for journal, ledger and archive"),
    "lock_database": Row(LASTING, LockDatabase, "another program holds the ledger's write lock"),
    "cut_gate": Row(DEAF, CutGate, "no heartbeat and no accept reaches the gate"),
    "corrupt_frames": Row(LASTING, CorruptFrames, "headers and pixels in the frame rings are overwritten"),
    "corrupt_messages": Row(LASTING, CorruptMessages, "malformed messages at every socket"),
    "jump_clock": Row(LASTING, JumpClock, "the stations' wall clock is an hour or ten years off, then right again"),
    "pause_plc": Row(
        DEAF, partial(StopPlc, state=PlcState.PAUSED), "the PLC's program stands still, its server answers"
    ),
    "restart_plc": Row(DEAF, partial(StopPlc, state=PlcState.OFF), "the PLC is off, and starts anew"),
    "jump_plc_clock": Row(BLOW, JumpPlcClock, "the PLC's clock jumps, by 50 ms to a minute"),
}
OF_A_PLC = ("pause_plc", "restart_plc", "jump_plc_clock")


def chosen(names: Iterable[str], line: Line) -> list[str]:
    """The names, each once; without any all there are, those of a PLC only where the line has one.

    Raises InputError for one that is unknown, and for one that this line has nothing to be hurt by.
    """
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in CATALOGUE:
            raise InputError("no such fault", f"--fault {name}", _instead_of(name))
        if remedy := lacking(name, line):
            raise InputError(f"cannot be done to line {line.line}", f"--fault {name}", remedy)
    return wanted or [name for name in CATALOGUE if name not in OF_A_PLC or not lacking(name, line)]


def lacking(name: str, line: Line) -> str:
    """Why this line cannot be hurt by this fault: what its file would have to hold; empty where it holds it."""
    station = name.partition("_")[2]
    if name in OF_A_PLC and not isinstance(line.decision.gate, PlcGateSection):
        return "Its gate is not driven by a PLC: decision.gate.kind modbus or opcua"
    if station == "worker" and not any(worker.is_local for worker in line.inference.workers.values()):
        return "It names no worker on this host: inference.workers.NAME.host local"
    if station == "encoder" and not line.counter:
        return "Nothing reads its belt's count: belt.encoder.source"
    return ""


def _instead_of(name: str) -> str:
    near = difflib.get_close_matches(name.replace("-", "_").lower(), CATALOGUE, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known: {', '.join(CATALOGUE)}"
