"""The conveyor at work: belts, gate and record, and the sockets that join them to the line."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from line_inspector.bus import AckedSender, Bus
from line_inspector.config import (
    GpioGateSettings,
    Line,
    LineTrigger,
    ModbusGateSettings,
    OpcUaGateSettings,
    SimulatedGateSettings,
)
from line_inspector.errors import InputError
from line_inspector.messages import Trigger
from line_inspector.runtime import Station
from line_inspector.simulation.belt import Belt, Spacing
from line_inspector.simulation.bus_gate import BusGate
from line_inspector.simulation.gate import WorldGate
from line_inspector.simulation.plc import SimulatedPlc
from line_inspector.simulation.record import WorldRecord, binned
from line_inspector.simulation.scenes import Subject, subjects
from line_inspector.streams import TRIGGERS

FIRST_TRIGGER_AFTER_NS = 500_000_000  # sockets connect meanwhile


@dataclass
class Feed:
    """One camera's belt, what is put on it, and the way its triggers go."""

    belt: Belt
    subjects: Iterator[Subject]
    triggers: AckedSender


class World:
    """Triggers the cameras, passes every part through the gate, and notes the bin it fell into.

    `part_limit` is the number of parts after which no more come. Raises InputError for a line without simulation.
    """

    def __init__(self, station: Station, part_limit: int | None) -> None:
        self._station = station
        self._parts_left = part_limit
        self._gate = _gate(station)  # first: a PLC takes seconds to start, and parts must not come meanwhile
        self._feeds = _feeds(station.line, station.bus)
        self._record = WorldRecord(station.line.world_record_path)
        for feed in self._feeds:
            station.watch(feed.triggers.socket)

    @property
    def exhausted(self) -> bool:
        """Whether the last part has come."""
        return self._parts_left is not None and self._parts_left <= 0

    @property
    def settled(self) -> bool:
        """Whether every part has passed the gate and every trigger is acknowledged."""
        return not any(len(feed.belt) or len(feed.triggers) for feed in self._feeds)

    def wake_ns(self) -> int:
        """When the next part reaches its camera or the gate."""
        gates = [feed.belt.next_gate_ns for feed in self._feeds]
        return min([feed.belt.next_trigger_ns for feed in self._feeds] + [at for at in gates if at is not None])

    def move(self, now_ns: int) -> None:
        """Passes parts through the gate by what had arrived before, then takes what has arrived since."""
        for feed in self._feeds:
            for part in feed.belt.at_gate(now_ns):
                passage = self._gate.passage(part.part_id, part.camera, part.gate_ns)
                self._record.append(binned(part, passage))
                self._station.counters[passage.why] += 1
        self._gate.hear()
        for feed in self._feeds:
            feed.triggers.acknowledged()
            feed.triggers.resend(now_ns)
        self._count()

    def trigger(self, now_ns: int) -> None:
        """Sends the trigger of every part that has reached its camera."""
        for feed in self._feeds:
            while feed.belt.next_trigger_ns <= now_ns and not self.exhausted:
                part = feed.belt.trigger(next(feed.subjects), now_ns)
                feed.triggers.send(
                    part.part_id,
                    Trigger(
                        part_id=part.part_id,
                        camera=part.camera,
                        trigger_ns=part.trigger_ns,
                        scene=part.subject.scene,
                    ),
                )
                self._station.counters["triggers"] += 1
                self._parts_left = None if self._parts_left is None else self._parts_left - 1

    def close(self) -> None:
        """Writes what is left of the record. Raises InputError when the disk does not take it."""
        for feed in self._feeds:
            if len(feed.belt) or len(feed.triggers):
                self._station.log.warning(
                    "camera %s: %d parts still on the belt, %d triggers never acknowledged",
                    feed.belt.camera,
                    len(feed.belt),
                    len(feed.triggers),
                )
        self._gate.close()
        self._record.close()

    def _count(self) -> None:
        counters = self._station.counters
        counters["unacknowledged"] = sum(len(feed.triggers) for feed in self._feeds)
        counters["on_belt"] = sum(len(feed.belt) for feed in self._feeds)
        counters["refused"] = self._gate.refused
        counters["stop_requested"] = int(self._gate.stop_requested)


def _gate(station: Station) -> WorldGate:
    """The PLC of the line file, simulated; without one, the gate that decision drives over the bus."""
    settings = station.line.decision.gate
    match settings:
        case SimulatedGateSettings():
            return BusGate(station)
        case ModbusGateSettings() | OpcUaGateSettings():
            return SimulatedPlc(station.line, settings)
        case GpioGateSettings():
            remedy = "Set decision.gate.kind to simulated, modbus or opcua, or take out the section simulation"
            raise InputError("the world cannot stand behind real GPIO lines", f"line {station.line.line}", remedy)


def _feeds(line: Line, bus: Bus) -> list[Feed]:
    """One feed for each camera that the conveyor triggers; its randomness depends on seed and camera only."""
    settings = line.simulation
    if not settings:
        raise InputError("has no section 'simulation'", f"line {line.line}", "Add it; config/line.yaml explains it")
    run = f"{time.time_ns():x}"
    start_ns = time.monotonic_ns() + FIRST_TRIGGER_AFTER_NS
    feeds = []
    for name, camera in line.cameras.items():
        if not isinstance(camera.trigger, LineTrigger):
            continue
        spacing = Spacing(settings.rate_hz, settings.jitter, start_ns, random.Random(f"{settings.seed} {name} spacing"))
        scenes = subjects(settings, camera.source, random.Random(f"{settings.seed} {name} scenes"))
        belt = Belt(name, run, line.travel_ns(name), spacing)
        feeds.append(Feed(belt, scenes, bus.acked_sender(TRIGGERS, "world", name)))
    if not feeds:
        raise InputError("no camera is triggered by the line", f"line {line.line}", "Set trigger: {kind: line}")
    return feeds
