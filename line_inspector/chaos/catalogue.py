"""The one table of faults."""

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
from line_inspector.chaos.unplug_camera import UnplugCamera
from line_inspector.chaos.victim import Victim
from line_inspector.errors import InputError
from stations import STATIONS

BLOW = Course()
SHORT_OR_LONG = Course(0.3, 5.0)  # shorter than the heartbeat's timeout, and longer than any part's deadline
LASTING = Course(2.0, 5.0)


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
    "cut_gate": Row(
        Course(SHORT_OR_LONG.shortest_s, SHORT_OR_LONG.longest_s, silences_gate=True),
        CutGate,
        "no heartbeat and no accept reaches the gate",
    ),
    "corrupt_frames": Row(LASTING, CorruptFrames, "headers and pixels in the frame rings are overwritten"),
    "corrupt_messages": Row(LASTING, CorruptMessages, "malformed messages at every socket"),
    "jump_clock": Row(LASTING, JumpClock, "the stations' wall clock is an hour or ten years off, then right again"),
}


def chosen(names: Iterable[str]) -> list[str]:
    """The names, each once; all there are without any. Raises InputError for one that is unknown."""
    wanted = list(dict.fromkeys(names)) or list(CATALOGUE)
    for name in wanted:
        if name not in CATALOGUE:
            raise InputError("no such fault", f"--fault {name}", f"Known: {', '.join(CATALOGUE)}")
    return wanted
