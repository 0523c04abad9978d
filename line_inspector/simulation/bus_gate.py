"""The gate that decision drives over the bus, where there is no PLC."""

import time

from line_inspector.config import NS_PER_MS
from line_inspector.messages import AcceptPart, BinCount, Heartbeat, LoopBack
from line_inspector.runtime import Station
from line_inspector.simulation.bin_sensor import BinSensor
from line_inspector.simulation.gate import Passage, SimulatedReject
from line_inspector.streams import ACCEPTS, BIN, HEARTBEAT, LOOP_BACK

BIN_PERIOD_NS = int(1e9 / BIN.rate_hz)


class BusGate:
    """A SimulatedReject with a sensor over its bin, and the sockets by which it hears and is heard."""

    def __init__(self, station: Station) -> None:
        self._gate = SimulatedReject(int(station.line.decision.gate.heartbeat_timeout_ms * NS_PER_MS))
        self._accepts = station.bus.acked_receiver(ACCEPTS, AcceptPart)
        self._heartbeat = station.bus.subscriber(HEARTBEAT, Heartbeat)
        self._bin, self._sensor = station.bus.publisher(BIN), BinSensor(station.line.simulation)
        self._next_told_ns = 0
        self._loop_back = station.bus.receiver(LOOP_BACK, LoopBack)
        self._challenges: list[LoopBack] = []
        self.stop_requested = False
        station.watch(self._accepts.socket)
        station.watch(self._heartbeat.socket)

    @property
    def refused(self) -> int:
        """Messages that were none."""
        return self._accepts.refused + self._heartbeat.refused + self._loop_back.refused

    def hear(self) -> None:
        """Takes what has arrived, and acknowledges every accept."""
        for heartbeat in self._heartbeat.drain():
            self._gate.beat(heartbeat.sent_ns)
            self.stop_requested = heartbeat.stop_requested
        for sender, accept in self._accepts.drain():
            self._gate.accept(accept, time.monotonic_ns())
            self._accepts.acknowledge(sender, accept.part_id)
        self._pass_challenges()
        if time.monotonic_ns() >= self._next_told_ns:
            self._tell()

    def passage(self, part_id: str, camera: str, gate_ns: int) -> Passage:
        """How the part goes through."""
        passage = self._gate.passage(part_id, camera, gate_ns)
        if not passage.accepted:
            self._sensor.falls(time.monotonic_ns())
            self._tell()
        return passage

    def close(self) -> None:
        """Closes the sockets."""
        self._accepts.close()
        self._heartbeat.socket.close()
        self._bin.close()
        self._loop_back.close()

    def _pass_challenges(self) -> None:
        """Challenges go through like parts, but are none: only the bin's sensor sees them."""
        self._challenges += self._loop_back.drain()
        now_ns = time.monotonic_ns()
        due = [challenge for challenge in self._challenges if challenge.gate_ns <= now_ns]
        self._challenges = [challenge for challenge in self._challenges if challenge.gate_ns > now_ns]
        for challenge in due:
            self.passage(challenge.part_id, challenge.camera, challenge.gate_ns)

    def _tell(self) -> None:
        self._next_told_ns = time.monotonic_ns() + BIN_PERIOD_NS
        state = self._sensor.state
        self._bin.send(BinCount(run=self._sensor.run, count=state.count, seen_ns=state.seen_ns, full=state.full))
