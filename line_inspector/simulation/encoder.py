"""The simulated encoder: tells how far the belt has come, and nothing of where it will be."""

from line_inspector.config import NS_PER_S
from line_inspector.messages import Encoder
from line_inspector.runtime import Station
from line_inspector.simulation.conveyor import Conveyor
from line_inspector.streams import ENCODER

PERIOD_NS = int(NS_PER_S / ENCODER.rate_hz)


class WorldEncoder:
    """Publishes the belt's count at the stream's rate."""

    def __init__(self, station: Station, conveyor: Conveyor) -> None:
        self._conveyor, self._ns_per_count = conveyor, station.line.belt.ns_per_count
        self._readings = station.bus.publisher(ENCODER)
        self.next_ns = 0

    def read(self, now_ns: int) -> None:
        """Publishes the count when it is due."""
        if now_ns < self.next_ns:
            return
        self.next_ns = now_ns + PERIOD_NS
        self._readings.send(Encoder(count=int(self._conveyor.place(now_ns) / self._ns_per_count), read_ns=now_ns))
