"""The gate that decision drives over the bus, where there is no PLC."""

import time

from line_inspector.config import NS_PER_MS
from line_inspector.messages import AcceptPart, Heartbeat
from line_inspector.runtime import Station
from line_inspector.simulation.gate import Passage, SimulatedReject
from line_inspector.streams import ACCEPTS, HEARTBEAT


class BusGate:
    """A SimulatedReject, and the sockets by which it hears accepts and heartbeats."""

    def __init__(self, station: Station) -> None:
        self._gate = SimulatedReject(int(station.line.decision.gate.heartbeat_timeout_ms * NS_PER_MS))
        self._accepts = station.bus.acked_receiver(ACCEPTS, AcceptPart)
        self._heartbeat = station.bus.subscriber(HEARTBEAT, Heartbeat)
        station.watch(self._accepts.socket)
        station.watch(self._heartbeat.socket)

    @property
    def refused(self) -> int:
        """Messages that were none."""
        return self._accepts.refused + self._heartbeat.refused

    def hear(self) -> None:
        """Takes what has arrived, and acknowledges every accept."""
        for heartbeat in self._heartbeat.drain():
            self._gate.beat(heartbeat.sent_ns)
        for sender, accept in self._accepts.drain():
            self._gate.accept(accept, time.monotonic_ns())
            self._accepts.acknowledge(sender, accept.part_id)

    def passage(self, part_id: str, camera: str, gate_ns: int) -> Passage:
        """How the part goes through."""
        return self._gate.passage(part_id, camera, gate_ns)

    def close(self) -> None:
        """Closes the sockets."""
        self._accepts.close()
        self._heartbeat.socket.close()
