"""The gate of the simulated conveyor, driven over the bus."""

from line_inspector.actuators.gate import BinReading
from line_inspector.bus import Bus
from line_inspector.messages import AcceptPart, BinCount, Heartbeat
from line_inspector.streams import ACCEPTS, BIN, HEARTBEAT

PERIOD_NS = int(1e9 / HEARTBEAT.rate_hz)
LONG_AGO_NS = 0


class SimulatedGate:
    """Sends accepts until the gate acknowledges them or their window has passed, and the heartbeat at its rate."""

    def __init__(self, bus: Bus) -> None:
        self._accepts = bus.acked_sender(ACCEPTS, "decision")
        self._heartbeat = bus.publisher(HEARTBEAT)
        self._bin = bus.subscriber(BIN, BinCount)
        self._bin_reading: BinReading | None = None
        self._window_end_ns: dict[str, int] = {}
        self._next_beat_ns = 0
        self._safe = False

    @property
    def alive(self) -> bool:
        """Always: there is nothing that could end."""
        return True

    @property
    def accepting(self) -> bool:
        """Until `safe`; whether the conveyor listens is not known."""
        return not self._safe

    def accept(self, part_id: str, camera: str, window_start_ns: int, window_end_ns: int) -> None:
        """Sends the accept; nothing after `safe`."""
        if self._safe:
            return
        self._window_end_ns[part_id] = window_end_ns
        self._accepts.send(
            part_id,
            AcceptPart(part_id=part_id, camera=camera, window_start_ns=window_start_ns, window_end_ns=window_end_ns),
        )

    def recall(self) -> None:
        """Nothing to do: this gate knows which part is before it."""

    @property
    def bin_reading(self) -> BinReading | None:
        """What the conveyor's bin has last told."""
        return self._bin_reading

    def beat(self, now_ns: int, prepared: bool, stop_requested: bool = False) -> None:
        """Publishes the heartbeat when it is due, and repeats accepts that the gate has not acknowledged."""
        if self._safe or now_ns < self._next_beat_ns:
            return
        self._next_beat_ns = now_ns + PERIOD_NS
        self._heartbeat.send(Heartbeat(sent_ns=now_ns, stop_requested=stop_requested))
        for told in self._bin.drain():
            self._bin_reading = BinReading(told.run, told.count, told.seen_ns, told.full)
        for part_id in self._accepts.acknowledged():
            self._window_end_ns.pop(part_id, None)
        for part_id in [part for part, end_ns in self._window_end_ns.items() if end_ns <= now_ns]:
            del self._window_end_ns[part_id]
            self._accepts.forget(part_id)
        self._accepts.resend(now_ns)

    def next_beat_ns(self) -> int:
        """When the next heartbeat is due."""
        return self._next_beat_ns

    def safe(self) -> None:
        """A last heartbeat that is already too old, then silence: the gate need not wait for its timeout."""
        if self._safe:
            return
        self._safe = True
        self._heartbeat.send(Heartbeat(sent_ns=LONG_AGO_NS))
