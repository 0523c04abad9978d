"""Starts a line's processes on one machine and restarts what dies; on a plant, systemd does this."""

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from line_inspector.bus import Bus
from line_inspector.config import NS_PER_S, Line, core_plan
from line_inspector.errors import EXIT_BAD_INPUT, InputError
from line_inspector.messages import Health
from line_inspector.station_lock import RoleTaken, station_lock
from line_inspector.stop_flag import SUPERVISOR_PID, StopFlag
from line_inspector.streams import HEALTH
from stations import STATIONS

log = logging.getLogger("run")

SHORT_LIFE_S = 5.0
LONGEST_PAUSE_S = 5.0
LONGEST_PAUSE_AFTER_KILL_S = 0.5  # a kill from outside says nothing against starting again
TURN_S = 0.05
WORLD = "world"
SUPERVISOR = "run"  # its role on the line, beside those of the stations
STOP_ORDER = (  # who still needs whom: the last parts of the world all stations, the last announcements all but capture
    ((WORLD,), 10.0),  # besides the way from camera to gate, or LONGEST_FALL_S of it
    (("capture",), 4.0),
    (("decision", "encoder", "inference", "overlay", "trainer"), 7.0),  # at once: decision misses none that has left
    (("worker",), 5.0),
)
LONGEST_FALL_S = 20.0
LAST_WORDS_BYTES = 65_536


@dataclass
class Supervised:
    """One process of the line: what to run, and what became of it. `name` tells copies apart: `inference#2`.

    Nothing falls into the accept bin without the processes `on_a_parts_way`; the others only watch.
    """

    name: str
    command: list[str]
    on_a_parts_way: bool = True
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    log_start: int = 0
    restart_at_s: float = 0.0
    short_lives: int = 0
    restarts: int = -1

    @property
    def kind(self) -> str:
        """The station's row in the table: `capture` of `capture.top`."""
        return re.split("[.#]", self.name)[0]

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """The processes of one line. Call `tend` several times a second; `stop` ends them all.

    `alive` holds the last sign of life of every station that has given one. With a world, its first part comes only
    when decision and all cameras are alive: triggers that wait for a starting station would be late.
    """

    def __init__(
        self,
        line: Line,
        line_file: Path,
        *,
        with_world: bool,
        log_file: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Output of the processes goes to `log_file`, or to this process's own standard error.

        `environment` is added to this process's own. Raises InputError where the line has a supervisor already.
        """
        self._role = _supervisors_role(line)
        self.processes = [*_stations(line, line_file), *([_world(line_file)] if with_world else [])]
        self.alive: dict[str, Health] = {}
        encoder = ("encoder",) if line.counter else ()
        self._needed_by_world = {"decision", *encoder, *(f"capture.{camera}" for camera in line.cameras)}
        self._fall_s = min(max(line.travel_ns(camera) for camera in line.cameras) / NS_PER_S, LONGEST_FALL_S)
        names = tuple(item.name for item in self.processes if "#" not in item.name)
        self._health = Bus(line.sockets_dir).subscriber(HEALTH, Health, names)
        self._log_file = log_file
        self._output = log_file.open("ab") if log_file else None
        threads = {"OPENCV_FOR_THREADS_NUM": "1", "OMP_NUM_THREADS": str(core_plan(line).threads)}
        self._environment = {**os.environ, **(environment or {}), **threads, SUPERVISOR_PID: str(os.getpid())}

    def tend(self) -> None:
        """Starts what is not running. Raises InputError when a station that parts need refuses its first start."""
        self.alive.update((seen.station, seen) for seen in self._health.drain())
        now_s = time.monotonic()
        for item in self.processes:
            if item.process and item.process.poll() is not None:
                self._bury(item, now_s)
            held = item.kind == WORLD and not self._needed_by_world <= self.alive.keys()
            if item.process is None and now_s >= item.restart_at_s and not held:
                self._start(item, now_s)

    def tend_until(self, done: Callable[[], bool], patience_s: float, stop: StopFlag) -> bool:
        """Tends until `done()`; False when told to stop, or when it took longer than `patience_s`."""
        give_up_s = time.monotonic() + patience_s
        while not done():
            if stop.is_set or time.monotonic() > give_up_s:
                return False
            self.tend()
            time.sleep(TURN_S)
        return True

    def start_world(self, line_file: Path, *options: str) -> Supervised:
        """Starts the simulated world, not to be restarted; the caller waits for its end, or hands it to `stop`."""
        item = _world(line_file, *options)
        self._start(item, time.monotonic())
        return item

    def failure(self, item: Supervised, code: int) -> InputError:
        """What to tell of a process that ended with `code`, with its own last words if they went to the log file."""
        what = "refused its input" if code == EXIT_BAD_INPUT else f"ended with code {code}"
        remedy = "Its own message above says what to mend"
        if self._log_file:
            remedy = _last_words(self._log_file, item) or f"Read {self._log_file}"
        return InputError(what, f"station {item.name}", remedy)

    def stop(self, extra: Iterable[Supervised] = ()) -> None:
        """Ends every process, in the order of STOP_ORDER."""
        everything = [*extra, *self.processes]
        for kinds, patience_s in STOP_ORDER:
            fall_s = self._fall_s if WORLD in kinds else 0.0
            _end([item for item in everything if item.kind in kinds], patience_s + fall_s)
        self._health.close()
        if self._output:
            self._output.close()
        self._role.close()

    def _start(self, item: Supervised, now_s: float) -> None:
        item.log_start = os.fstat(self._output.fileno()).st_size if self._output else 0
        item.process = subprocess.Popen(
            item.command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,  # Ctrl-C in a terminal reaches the supervisor alone, which stops them in order
        )
        item.started_s = now_s
        item.restarts += 1

    def _bury(self, item: Supervised, now_s: float) -> None:
        assert item.process
        code, item.process = item.process.returncode, None
        refused = code == EXIT_BAD_INPUT
        if refused and item.restarts == 0 and item.on_a_parts_way:
            raise self.failure(item, code)
        item.short_lives = item.short_lives + 1 if refused or now_s - item.started_s < SHORT_LIFE_S else 0
        longest_s = LONGEST_PAUSE_S if code >= 0 else LONGEST_PAUSE_AFTER_KILL_S
        pause_s = min(longest_s, 0.25 * 2**item.short_lives) if item.short_lives else 0.0
        item.restart_at_s = now_s + pause_s
        log.warning("station %s ended with code %d: restarting in %.2f s", item.name, code, pause_s)


@contextmanager
def stop_signals() -> Iterator[StopFlag]:
    """Ctrl-C and SIGTERM set the flag and interrupt nothing, so that no process is started and then forgotten."""
    flag = StopFlag()
    before = {number: signal.signal(number, flag.on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _supervisors_role(line: Line) -> ExitStack:
    """Keeps the line for this supervisor until closed. One that was killed keeps nobody out; its stations leave."""
    role = ExitStack()
    try:
        role.enter_context(station_lock(line.sockets_dir, SUPERVISOR))
    except RoleTaken as e:
        remedy = "Stop it first, or give this one another data_dir"
        raise InputError("a line is already running here", str(line.data_dir), remedy) from e
    return role


def _stations(line: Line, line_file: Path) -> Iterator[Supervised]:
    for kind in STATIONS:
        command = [sys.executable, "-m", f"stations.{kind.name}", str(line_file)]
        decides = kind.latency_budget_ms > 0
        for name, instance in kind.names(line).items():
            if kind.per == "worker" and not line.inference.workers[instance].is_local:
                continue
            options = [f"--{kind.per}", instance] if instance else []
            for n in range(kind.copies):
                yield Supervised(f"{name}#{n + 1}" if n else name, [*command, *options], decides)


def _world(line_file: Path, *options: str) -> Supervised:
    """The simulated world, to be started."""
    return Supervised(WORLD, [sys.executable, "-m", "line_inspector.simulation", str(line_file), *options])


def _last_words(log_file: Path, item: Supervised) -> str:
    """The last error that the process has logged since its start, and the exception below it; all stations share it."""
    with log_file.open("rb") as log_of_line:
        log_of_line.seek(max(item.log_start, log_file.stat().st_size - LAST_WORDS_BYTES))
        text = log_of_line.read().decode(errors="replace")
    said = re.findall(rf" ERROR {item.kind}\S*: (.+)(?:\nTraceback .+(?:\n +.*)*\n(\S.*))?", text)
    return ": ".join(filter(None, said[-1])) if said else ""


def _end(items: list[Supervised], patience_s: float) -> None:
    """Stops processes politely, and after `patience_s` by force."""
    running = [item for item in items if item.running]
    end_s = time.monotonic() + patience_s
    for item in running:
        assert item.process
        item.process.terminate()
    for item in running:
        assert item.process
        try:
            item.process.wait(max(0.0, end_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop in %.0f s: killed", item.name, patience_s)
            item.process.kill()
            item.process.wait()
