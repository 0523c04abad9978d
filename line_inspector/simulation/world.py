"""The conveyor at work: belts, gate and record, and the sockets that join them to the line."""

import heapq
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from line_inspector.bus import AckedSender, Bus
from line_inspector.config import (
    NS_PER_S,
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
from line_inspector.simulation.belt import Belt, Faults, Part, Spacing
from line_inspector.simulation.bus_gate import BusGate
from line_inspector.simulation.conveyor import ChangingConveyor, Conveyor, Speeds, SteadyConveyor
from line_inspector.simulation.counter_server import CounterServer
from line_inspector.simulation.encoder import PublishedEncoder, ServedEncoder, WorldEncoder
from line_inspector.simulation.gate import WorldGate
from line_inspector.simulation.plc import SimulatedPlc
from line_inspector.simulation.record import AGAIN, WorldRecord, binned
from line_inspector.simulation.scenes import Subject, subjects
from line_inspector.streams import TRIGGERS

FIRST_TRIGGER_AFTER_NS = 500_000_000  # sockets connect meanwhile
DOUBLE_AFTER_NS = 3_000_000  # a light barrier that flickers


@dataclass
class Feed:
    """One belt with its cameras, what is put on it, the triggers to come by time, and the ways they go, by camera."""

    belt: Belt
    subjects: Iterator[Subject]
    triggers: dict[str, AckedSender]
    travel_ns: dict[str, int]
    dice: random.Random
    due: list[tuple[int, str, Trigger]]  # when, id, and the trigger itself


class World:
    """Triggers the cameras, passes every part through the gate, and notes the bin it fell into.

    `part_limit` is the number of parts after which no more come. Raises InputError for a line without simulation.
    """

    def __init__(self, station: Station, part_limit: int | None) -> None:
        self._station = station
        self._parts_left = part_limit
        self._gate = _gate(station)  # first: a PLC takes seconds to start, and parts must not come meanwhile
        counter = CounterServer(station.line.counter) if station.line.counter else None  # and so may a counter's server
        self._conveyor = _conveyor(station.line)
        self._feeds = _feeds(station.line, station.bus, self._conveyor)
        self._encoder = _encoder(station, self._conveyor, counter)
        self._record = WorldRecord(station.line.world_record_path)
        for triggers in self._senders():
            station.watch(triggers.socket)

    @property
    def exhausted(self) -> bool:
        """Whether the last part has come."""
        return self._parts_left is not None and self._parts_left <= 0

    @property
    def settled(self) -> bool:
        """Whether every part has passed the gate and every trigger is acknowledged."""
        return not any(len(feed.belt) or feed.due for feed in self._feeds) and not any(map(len, self._senders()))

    def wake_ns(self) -> int:
        """When the next part reaches its camera or the gate."""
        gates = [feed.belt.next_gate_ns for feed in self._feeds]
        due = [feed.due[0][0] for feed in self._feeds if feed.due]
        read = [self._encoder.next_ns] if self._encoder else []
        passed = [at for at in gates if at is not None]
        return min([feed.belt.next_trigger_ns for feed in self._feeds] + passed + due + read)

    def move(self, now_ns: int) -> None:
        """Passes parts through the gate by what had arrived before, then takes what has arrived since."""
        for feed in self._feeds:
            for part in feed.belt.at_gate(now_ns):
                passage = self._gate.passage(part.part_id, part.camera, part.gate_ns)
                self._record.append(binned(part, passage))
                self._station.counters[passage.why] += 1
        self._gate.hear()
        if self._encoder:
            self._encoder.read(now_ns)
        for feed in self._feeds:
            self._send_due(feed, now_ns)
        for triggers in self._senders():
            triggers.acknowledged()
            triggers.resend(now_ns)
        self._count()

    def trigger(self, now_ns: int) -> None:
        """Puts the parts on the belt that have reached their first camera, and sends the triggers that are due."""
        for feed in self._feeds:
            while feed.belt.next_trigger_ns <= now_ns and not self.exhausted:
                self._put(feed, feed.belt.trigger(next(feed.subjects), now_ns))
                self._parts_left = None if self._parts_left is None else self._parts_left - 1
            self._send_due(feed, now_ns)

    def _put(self, feed: Feed, part: Part) -> None:
        """Notes when the part triggers which camera: perhaps not at all, perhaps twice."""
        settings = self._station.line.simulation
        assert settings
        for camera, travel_ns in feed.travel_ns.items():
            if settings.missing_share and feed.dice.random() < settings.missing_share:
                continue
            own = camera == part.camera
            at_ns = part.trigger_ns if own else feed.belt.passes_ns(part, travel_ns)
            times_ns = [at_ns]
            if settings.double_share and feed.dice.random() < settings.double_share:
                times_ns.append(at_ns + DOUBLE_AFTER_NS)
            for again, moment_ns in enumerate(times_ns):
                part_id = camera + part.part_id.removeprefix(part.camera) + AGAIN * again
                part.triggers.append(part_id)
                told = Trigger(part_id=part_id, camera=camera, trigger_ns=moment_ns, scene=part.subject.scene)
                heapq.heappush(feed.due, (moment_ns, part_id, told))

    def _send_due(self, feed: Feed, now_ns: int) -> None:
        while feed.due and feed.due[0][0] <= now_ns:
            _, part_id, trigger = heapq.heappop(feed.due)
            feed.triggers[trigger.camera].send(part_id, trigger)
            self._station.counters["triggers"] += 1

    def _senders(self) -> list[AckedSender]:
        return [triggers for feed in self._feeds for triggers in feed.triggers.values()]

    def close(self) -> None:
        """Closes sockets and writes what is left of the record. Raises InputError when the disk does not take it."""
        for feed in self._feeds:
            unacknowledged = sum(map(len, feed.triggers.values()))
            if len(feed.belt) or unacknowledged:
                self._station.log.warning(
                    "camera %s: %d parts still on the belt, %d triggers never acknowledged",
                    feed.belt.camera,
                    len(feed.belt),
                    unacknowledged,
                )
        for triggers in self._senders():
            triggers.close()
        if self._encoder:
            self._encoder.close()
        self._gate.close()
        self._record.close()

    def _count(self) -> None:
        counters = self._station.counters
        counters["unacknowledged"] = sum(map(len, self._senders()))
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


def _encoder(station: Station, conveyor: Conveyor, counter: CounterServer | None) -> WorldEncoder | None:
    """Tells decision the count itself only where no station does."""
    if station.line.counter and counter:
        return ServedEncoder(station, conveyor, station.line.counter, counter)
    return PublishedEncoder(station, conveyor) if station.line.belt.encoder else None


def _conveyor(line: Line) -> Conveyor:
    settings = line.simulation
    if not settings:
        raise InputError("has no section 'simulation'", f"line {line.line}", "Add it; config/line.yaml explains it")
    if settings.speed_change_s is None:
        return SteadyConveyor()
    speeds = Speeds(settings.speed_change_s, settings.least_speed, settings.stop_share)
    return ChangingConveyor(speeds, time.monotonic_ns(), random.Random(f"{settings.seed} speed"))


def _feeds(line: Line, bus: Bus, conveyor: Conveyor) -> list[Feed]:
    """One feed for each lane that the conveyor triggers; its randomness depends on seed and camera only."""
    settings = line.simulation
    assert settings
    run = f"{time.time_ns():x}"
    start = conveyor.place(time.monotonic_ns()) + FIRST_TRIGGER_AFTER_NS
    touching_ns = int(settings.touching_mm / line.belt.speed_mm_s * NS_PER_S)
    faults = Faults(settings.touching_share, touching_ns, settings.gap_share)
    feeds = []
    for lane in line.lanes:
        name, camera = lane[0], line.cameras[lane[0]]
        if not isinstance(camera.trigger, LineTrigger):
            continue
        dice = random.Random(f"{settings.seed} {name} spacing")
        spacing = Spacing(settings.rate_hz, settings.jitter, start, dice, faults)
        scenes = subjects(settings, camera.source, random.Random(f"{settings.seed} {name} scenes"))
        travel_ns = {view: line.travel_ns(view) for view in lane}
        first_ns = max(travel_ns.values())
        belt = Belt(name, run, first_ns, spacing, conveyor, named_after_ns=first_ns - travel_ns[name])
        ways = {view: bus.acked_sender(TRIGGERS, "world", view) for view in lane}
        feeds.append(Feed(belt, scenes, ways, travel_ns, random.Random(f"{settings.seed} {name} triggers"), []))
    if not feeds:
        raise InputError("no camera is triggered by the line", f"line {line.line}", "Set trigger: {kind: line}")
    return feeds
