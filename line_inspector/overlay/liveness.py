"""Which stations are alive: their last sign of life against the rate that the streams table declares."""

from collections.abc import Iterable
from enum import Enum

from line_inspector.config import Line
from line_inspector.messages import Health
from line_inspector.overlay.words import age_in_words, station_in_words
from line_inspector.streams import HEALTH

SERVING = "serving"


class Life(Enum):
    """`AWAITED` only at the overlay's own start, before silence means anything."""

    LIVE = "live"
    AWAITED = "awaited"
    SILENT = "silent"


def watched_stations(line: Line) -> tuple[str, ...]:
    """Names of the stations without which no part is inspected, in the order of the page."""
    encoder = ("encoder",) if line.counter else ()
    world = ("world",) if line.simulation else ()
    return ("decision", "inference", *(f"capture.{camera}" for camera in line.cameras), *encoder, *world)


class Liveness:
    """The last health message of every watched station; others are ignored, so nothing here grows."""

    def __init__(self, stations: Iterable[str], now_ns: int) -> None:
        self._heard: dict[str, Health | None] = dict.fromkeys(stations)
        self._restarts = dict.fromkeys(self._heard, 0)
        self._start_ns = now_ns

    @property
    def stations(self) -> tuple[str, ...]:
        """The watched stations."""
        return tuple(self._heard)

    def take(self, health: Health) -> None:
        """Notes a sign of life; another process under the same name is a restart."""
        if health.station not in self._heard:
            return
        known = self._heard[health.station]
        if known and known.pid != health.pid:
            self._restarts[health.station] += 1
        self._heard[health.station] = health

    def last(self, station: str) -> Health | None:
        """The station's last health message."""
        return self._heard[station]

    def silence_ns(self, station: str, now_ns: int) -> int:
        """Nanoseconds since the station last spoke, or since the overlay began to listen."""
        heard = self._heard[station]
        return max(0, now_ns - (heard.sent_ns if heard else self._start_ns))

    def life(self, station: str, now_ns: int) -> Life:
        """Alive, or silent for longer than the streams table allows."""
        if self.silence_ns(station, now_ns) > HEALTH.dead_after_ns:
            return Life.SILENT
        return Life.LIVE if self._heard[station] else Life.AWAITED

    def in_words(self, station: str, now_ns: int) -> str:
        """What the page says of the station."""
        life, heard = self.life(station, now_ns), self._heard[station]
        if life is Life.AWAITED or heard is None:
            return "waiting" if life is Life.AWAITED else "not heard of"
        if life is Life.SILENT:
            return f"silent for {age_in_words(self.silence_ns(station, now_ns))}"
        restarts = self._restarts[station]
        return f"{heard.state}, restarted {restarts}\N{MULTIPLICATION SIGN}" if restarts else heard.state

    def fault(self, station: str, now_ns: int) -> str:
        """One sentence on what is wrong with the station; empty when nothing is."""
        life, heard = self.life(station, now_ns), self._heard[station]
        name = station_in_words(station)
        if life is Life.SILENT:
            silence = age_in_words(self.silence_ns(station, now_ns))
            return f"{name} {'is silent' if heard else 'has not been heard of'} for {silence}"
        if heard and heard.state != SERVING:
            return f"{name} is not serving yet ({heard.state})"
        return ""
