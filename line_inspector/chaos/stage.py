"""Puts the line up for the test: files, wires, processes; and takes everything down again."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from line_inspector.chaos.jump_clock import set_clock_offset
from line_inspector.chaos.scratch import Scratch
from line_inspector.chaos.scratch_gate import port_of
from line_inspector.chaos.scratch_line import world_line, write_line
from line_inspector.chaos.victim import Victim
from line_inspector.chaos.wire import Wire
from line_inspector.config import Line
from line_inspector.errors import InputError
from line_inspector.ring import remove_orphans
from line_inspector.simulation.plc_trouble import TROUBLE_FILE, Trouble, write_trouble
from line_inspector.stop_flag import StopFlag
from line_inspector.streams import ACCEPTS, BIN, ENCODER, HEARTBEAT, TRIGGERS, Stream
from line_inspector.supervisor import Supervised, Supervisor
from line_inspector.wall_clock import OFFSET_FILE

START_PATIENCE_S = 180.0


@contextmanager
def stage(line: Line, scratch: Scratch, seed: int) -> Iterator[Victim]:
    """The line with all its stations being started. At the end all processes are stopped, and the frame rings removed.

    The world is not among them; `start` starts it, and stops it first.
    """
    world = world_line(line, scratch.world)
    path = write_line(line, scratch.folder / "line.yaml")
    write_line(world, scratch.folder / "world.yaml")
    scratch.cable.touch()
    set_clock_offset(scratch.clock_offset, 0)
    write_trouble(scratch.plc_trouble, Trouble())
    for folder in (line.sockets_dir, world.sockets_dir):
        folder.mkdir(parents=True)
    for camera in line.cameras:  # the triggers' wire is never cut
        _socket(world, TRIGGERS, camera).symlink_to(_socket(line, TRIGGERS, camera))
    for stream in (BIN,) if line.counter else (ENCODER, BIN):  # nor are those of the sensors
        _socket(line, stream).symlink_to(_socket(world, stream))
    with ExitStack() as undo:
        wires = _wires(line, world)
        for wire in wires:
            undo.callback(wire.close)
        undo.callback(remove_orphans, line.ring_owner, ())
        supervisor = Supervisor(
            line,
            path,
            with_world=False,
            log_file=scratch.log,
            environment={OFFSET_FILE: str(scratch.clock_offset), TROUBLE_FILE: str(scratch.plc_trouble)},
        )
        running: list[Supervised] = []
        undo.callback(supervisor.stop, running)
        yield Victim(
            line=line,
            world=world,
            supervisor=supervisor,
            world_processes=running,
            wires=wires,
            cable=scratch.cable,
            clock_offset=scratch.clock_offset,
            plc_trouble=scratch.plc_trouble if port_of(line.decision.gate) else None,
            small_disk=scratch.small_disk,
            rng=random.Random(f"{seed} faults"),
        )


def start(victim: Victim, scratch: Scratch, stop: StopFlag) -> bool:
    """Waits until every station serves and puts parts on the belt; False when told to stop. Raises InputError."""
    needed = {item.name for item in victim.supervisor.processes if "#" not in item.name}
    if not victim.supervisor.tend_until(lambda: needed <= victim.supervisor.alive.keys(), START_PATIENCE_S, stop):
        if stop.is_set:
            return False
        missing = ", ".join(sorted(needed - victim.supervisor.alive.keys()))
        log = "".join(scratch.log.read_text(errors="replace").splitlines(keepends=True)[-1:])
        raise InputError(f"did not start: {missing}", "line", log or "Try line-inspector run with the same line file")
    victim.world_processes.append(victim.supervisor.start_world(scratch.folder / "world.yaml"))
    return True


def _wires(line: Line, world: Line) -> tuple[Wire, ...]:
    """All ways from the line to its gate: the PLC's, or those of the simulated gate."""
    near_port, far_port = port_of(line.decision.gate), port_of(world.decision.gate)
    if near_port and far_port:
        return (Wire(near_end=near_port, far_end=far_port),)
    return (
        Wire(near_end=_socket(world, HEARTBEAT), far_end=_socket(line, HEARTBEAT)),
        Wire(near_end=_socket(line, ACCEPTS), far_end=_socket(world, ACCEPTS)),
    )


def _socket(line: Line, stream: Stream, instance: str = "") -> Path:
    return Path(stream.endpoint(line.sockets_dir, instance).removeprefix("ipc://"))
