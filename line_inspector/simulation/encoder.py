"""The simulated encoder: tells how far the belt has come, and nothing of where it will be."""

from typing import Protocol

from line_inspector.config import NS_PER_MS, NS_PER_S, CounterSettings
from line_inspector.messages import Encoder
from line_inspector.runtime import Station
from line_inspector.simulation.conveyor import Conveyor
from line_inspector.simulation.counter_server import CounterServer
from line_inspector.streams import ENCODER

PERIOD_NS = int(NS_PER_S / ENCODER.rate_hz)
LEAST_PERIOD_NS = 1_000_000


class WorldEncoder(Protocol):
    """Brings the belt's count to whoever tells decision of it."""

    next_ns: int

    def read(self, now_ns: int) -> None:
        """Takes the count when it is due."""

    def close(self) -> None:
        """Ends it."""


class PublishedEncoder:
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

    def close(self) -> None:
        """Frees the socket."""
        self._readings.close()


class ServedEncoder:
    """Has the belt's count read off a real server, which takes it over twice in each cycle of its PLC.

    Publishes nothing: that is for the station encoder.
    """

    def __init__(self, station: Station, conveyor: Conveyor, source: CounterSettings, server: CounterServer) -> None:
        self._conveyor, self._ns_per_count = conveyor, station.line.belt.ns_per_count
        self._period_ns = max(LEAST_PERIOD_NS, int(source.cycle_ms * NS_PER_MS / 2))
        self._sign = -1 if source.falling else 1
        self._server = server
        self.next_ns = 0

    def read(self, now_ns: int) -> None:
        """Shows the count when it is due."""
        if now_ns < self.next_ns:
            return
        self.next_ns = now_ns + self._period_ns
        self._server.count = self._sign * int(self._conveyor.place(now_ns) / self._ns_per_count)

    def close(self) -> None:
        """Stops listening."""
        self._server.close()
