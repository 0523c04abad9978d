"""A belt whose count a real server shows, and the real station that reads it."""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from cable import Cable
from loopback import free_port

from line_inspector.bus import Bus
from line_inspector.config import CounterSettings, Line
from line_inspector.line_file import read_line_file
from line_inspector.messages import Encoder, Health
from line_inspector.simulation.counter_server import CounterServer
from line_inspector.streams import ENCODER, HEALTH

SPEED_MM_S, MM_PER_COUNT = 500.0, 0.1
COUNTS_PER_S = SPEED_MM_S / MM_PER_COUNT
LULL_NS = 60_000_000
KINDS = ("modbus", "opcua")


def source_at(kind: str, port: int, **settings: Any) -> dict[str, Any]:
    where = {
        "modbus": {"host": "127.0.0.1", "port": port, "address": 100},
        "opcua": {"endpoint": f"opc.tcp://127.0.0.1:{port}/", "node_id": "ns=3;s=Belt.count"},
    }
    return {"kind": kind, **where[kind], **settings}


def write_line_file(folder: Path, source: dict[str, Any]) -> Path:
    """A line whose encoder is read there. Without a world."""
    document = {
        "line": f"counted-{time.time_ns() % 10**9:x}",
        "recipe": "disc",
        "data_dir": str(folder / "d"),
        "belt": {"speed_mm_s": SPEED_MM_S, "encoder": {"mm_per_count": MM_PER_COUNT, "source": source}},
        "cameras": {"top": {"source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 300}},
        "overlay": {"port": 0},
    }
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


class Plc(CounterServer):
    """Counts a belt that runs by itself, and shows the count of its last cycle."""

    def __init__(self, settings: CounterSettings) -> None:
        self._cycle_ns = int(settings.cycle_ms * 1e6) or 1
        self._since = (time.monotonic_ns(), 0.0, 1.0)  # when, the count then, the speed from then on
        super().__init__(settings)

    def shown(self) -> int:
        since_ns, counts, speed = self._since
        cycle_ns = time.monotonic_ns() // self._cycle_ns * self._cycle_ns
        return int(counts + speed * COUNTS_PER_S * max(0, cycle_ns - since_ns) / 1e9)

    def set(self, counts: float | None = None, speed: float = 1.0) -> None:
        """From now on: another count, another speed."""
        self._since = (time.monotonic_ns(), self.shown() if counts is None else counts, speed)


class CountedBelt:
    """A PLC, the cable to it, the station, and who listens."""

    def __init__(self, folder: Path, kind: str, **settings: Any) -> None:
        self.port = free_port()
        self.cable = Cable(self.port)
        self.path = write_line_file(folder, source_at(kind, self.cable.port, **settings))
        self.line: Line = read_line_file(self.path)
        served = source_at(kind, self.port, **settings)
        assert self.line.counter
        self._counter_settings = type(self.line.counter).model_validate(served)
        self.plc = Plc(self._counter_settings)
        self._plc_runs = True
        self._log = (folder / "encoder.log").open("w")
        self.log_path = folder / "encoder.log"
        bus = Bus(self.line.sockets_dir)
        self._readings = bus.subscriber(ENCODER, Encoder)
        self._health = bus.subscriber(HEALTH, Health, ("encoder",))
        self.health: Health | None = None
        self.heard: list[Encoder] = []
        self.station = self._started()

    def run(self, seconds: float) -> list[Encoder]:
        """What was published meanwhile."""
        end_s = time.monotonic() + seconds
        return self.until(lambda: time.monotonic() >= end_s, seconds + 5)

    def until(self, done: Callable[[], bool], patience_s: float = 20) -> list[Encoder]:
        """What was published until then."""
        before, end_s = len(self.heard), time.monotonic() + patience_s
        while not done():
            assert time.monotonic() < end_s, self.log()
            self._turn()
            time.sleep(0.005)
        return self.heard[before:]

    def until_heard(self) -> None:
        """Until a reading comes."""
        now = len(self.heard)
        self.until(lambda: len(self.heard) > now + 5)

    def first_after(self, before: Encoder, silent_ns: int) -> Encoder:
        """The first reading after a silence of so long that followed `before`."""
        readings = self.heard[self.heard.index(before) :]
        return next(b for a, b in itertools.pairwise(readings) if b.read_ns - a.read_ns > silent_ns)

    def stop_plc(self) -> None:
        self.plc.close()
        self._plc_runs = False

    def start_plc(self) -> None:
        self.plc, self._plc_runs = Plc(self._counter_settings), True

    def read_elsewhere(self, source: dict[str, Any]) -> None:
        """The line's data_dir stays."""
        self.station.terminate()
        assert self.station.wait(10) == 0, self.log()
        self.run(0.1)
        write_line_file(self.path.parent, source)
        self.health, self.station = None, self._started()

    def start_station(self) -> None:
        self.station = self._started()

    @property
    def errors(self) -> list[str]:
        """The errors in the log, without those of a busy machine."""
        return [line for line in self.log().splitlines() if " ERROR " in line and "answers after" not in line]

    def log(self) -> str:
        return self.log_path.read_text()

    def close(self) -> None:
        self.station.terminate()
        self.cable.plug_in()
        assert self.station.wait(10) == 0, self.log()
        if self._plc_runs:
            self.plc.close()
        self.cable.close()
        self._log.close()

    def _started(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "-m", "stations.encoder", str(self.path)], stderr=self._log)

    def _turn(self) -> None:
        self.heard += self._readings.drain()
        for health in self._health.drain():
            self.health = health


def falls(readings: list[Encoder]) -> int:
    """Out of the blue: after a silence, which a busy machine makes too, the count begins anew in any case."""
    pairs = itertools.pairwise(readings)
    return sum(b.count < a.count and b.read_ns - a.read_ns < LULL_NS for a, b in pairs)
