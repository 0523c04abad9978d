"""What every station process shares: start, signals, the wait for messages, liveness, logging, the outermost handler.

A station's `serve(station)` is its whole program; it loops over `station.turns()` until the process is told to stop.
"""

import argparse
import logging
import logging.handlers
import os
import queue
import signal
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import zmq

from line_inspector.bus import Bus
from line_inspector.config import Line, core_plan
from line_inspector.errors import EXIT_BAD_INPUT, InputError
from line_inspector.line_file import read_line_file
from line_inspector.messages import Health
from line_inspector.station_lock import RoleTaken, station_lock
from line_inspector.stop_flag import StopFlag
from line_inspector.streams import HEALTH

T = TypeVar("T")

SERVING = "serving"
LONGEST_WAIT_MS = 50
STANDBY_POLL_S = 0.02
LEAVING_S = 10.0  # a station whose supervisor was killed may need so long to hand its parts over


class Station:
    """One running station: its line, its sockets' poller, its counters and its log.

    `name` is unique on the line, such as `decision` or `capture.top`.
    """

    def __init__(self, name: str, line: Line, stop: StopFlag) -> None:
        self.name, self.line = name, line
        self.bus = Bus(line.sockets_dir)
        self.log = logging.getLogger(name)
        self.counters: defaultdict[str, int] = defaultdict(int)  # not a Counter, whose update() would add
        self.state = "starting"
        self._poller = zmq.Poller()
        self._stop = stop
        self._health = self.bus.publisher(HEALTH, name)
        self._next_beat_ns = 0
        self._count: Callable[[], None] | None = None

    def watch(self, watched: "zmq.Socket[bytes]") -> None:
        """Messages on this socket end a wait."""
        self._poller.register(watched, zmq.POLLIN)

    def counts_by(self, count: Callable[[], None]) -> None:
        """`count` brings `counters` up to date; it is called when they are told, not at every turn."""
        self._count = count

    def turns(
        self, wake_ns: Callable[[], int] | None = None, longest_wait_ms: float = LONGEST_WAIT_MS
    ) -> Iterator[int]:
        """Yields the monotonic time, in ns: at each message, at the time that `wake_ns()` asks for, and at the latest
        `longest_wait_ms` after the last turn."""
        self.ready()
        while not self._stop.is_set:
            now_ns = time.monotonic_ns()
            self.beat(now_ns)
            yield now_ns
            wait_ms = longest_wait_ms
            if wake_ns:
                wait_ms = min(wait_ms, max(0.0, (wake_ns() - time.monotonic_ns()) / 1e6))
            if self._poller.sockets:
                self._poller.poll(int(wait_ms + 0.999))
            else:
                time.sleep(wait_ms / 1e3)  # a poller without sockets returns at once
        _notify("STOPPING=1")

    def stop(self) -> None:
        """Ends `turns` after the current one."""
        self._stop.set()

    def ready(self) -> None:
        """Tells systemd and the health stream that the station serves."""
        self.state = SERVING
        _notify("READY=1")

    def beat(self, now_ns: int) -> None:
        """Publishes health and feeds systemd's watchdog at the declared rate."""
        if now_ns < self._next_beat_ns:
            return
        self._next_beat_ns = now_ns + int(1e9 / HEALTH.rate_hz)
        if self._count:
            self._count()
        self._health.send(
            Health(station=self.name, pid=os.getpid(), sent_ns=now_ns, state=self.state, counters=dict(self.counters))
        )
        _notify("WATCHDOG=1")

    def close(self) -> None:
        """Frees the health endpoint."""
        self._health.close()


def main(
    kind: str,
    serve: Callable[[Station, argparse.Namespace], None],
    add_options: Callable[[argparse.ArgumentParser], None] | None = None,
    *,
    orphan_grace_s: float = 0.0,
) -> None:
    """Entry point of a station process: parses `LINE.yaml [options]`, runs `serve`, ends with an exit code.

    Exit codes: 0 stopped, 1 fault (logged), 2 bad input (one line). A station that already runs, and does not leave
    within LEAVING_S, is bad input. `orphan_grace_s` is how long the station goes on when its supervisor has died: so
    long as others may still hand their parts over to it.
    """

    def run(line: Line, name: str, arguments: argparse.Namespace, stop: StopFlag) -> None:
        end_s = time.monotonic() + LEAVING_S
        while not stop.is_set:
            try:
                with station_lock(line.sockets_dir, name):
                    _serve(Station(name, line, stop), lambda station: serve(station, arguments))
                    return
            except RoleTaken:
                if time.monotonic() > end_s:
                    raise
            time.sleep(STANDBY_POLL_S)

    _enter(kind, run, add_options, orphan_grace_s)


def main_with_standby(
    kind: str, prepare: Callable[[Line], T], serve: Callable[[Station, argparse.Namespace, T], None]
) -> None:
    """As `main`, for a station that is slow to start: it prepares, and waits while another process has its role."""

    def run(line: Line, name: str, arguments: argparse.Namespace, stop: StopFlag) -> None:
        prepared = prepare(line)
        _notify("READY=1")
        while not stop.is_set:
            _notify("WATCHDOG=1")
            with suppress(RoleTaken), station_lock(line.sockets_dir, name):
                _serve(Station(name, line, stop), lambda station: serve(station, arguments, prepared))
            time.sleep(STANDBY_POLL_S)

    _enter(kind, run, None, 0.0)


def _enter(
    kind: str,
    run: Callable[[Line, str, argparse.Namespace, StopFlag], None],
    add_options: Callable[[argparse.ArgumentParser], None] | None,
    orphan_grace_s: float,
) -> None:
    parser = argparse.ArgumentParser(prog=f"stations.{kind}")
    parser.add_argument("line_file", type=Path)
    if add_options:
        add_options(parser)
    arguments = parser.parse_args()
    with logging_to_stderr(kind) as log:
        sys.exit(_guarded(kind, run, arguments, log, StopFlag(orphan_grace_s)))


def _guarded(
    kind: str,
    run: Callable[[Line, str, argparse.Namespace, StopFlag], None],
    arguments: argparse.Namespace,
    log: logging.Logger,
    stop: StopFlag,
) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.on_signal)
    try:
        instance = getattr(arguments, "camera", None) or getattr(arguments, "worker", None)
        line = read_line_file(arguments.line_file)
        if line.inference.pin:
            os.sched_setaffinity(0, core_plan(line).cores_of(kind))  # handed on to every thread that is started later
        run(line, f"{kind}.{instance}" if instance else kind, arguments, stop)
    except InputError as e:
        log.error("%s", e)
        return EXIT_BAD_INPUT
    except Exception:  # the outermost loop of every station: log, die, be restarted
        log.exception("%s failed", kind)
        return 1
    return 0


def _serve(station: Station, serve: Callable[[Station], None]) -> None:
    try:
        serve(station)
    finally:
        station.close()


@contextmanager
def logging_to_stderr(name: str) -> Iterator[logging.Logger]:
    """Log records go through a queue to a thread that writes them: no station waits for a terminal or a disk."""
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    writer = logging.StreamHandler()
    writer.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    listener = logging.handlers.QueueListener(records, writer)
    handler = logging.handlers.QueueHandler(records)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    listener.start()
    try:
        yield logging.getLogger(name)
    finally:
        root.removeHandler(handler)
        listener.stop()


def _notify(text: str) -> None:
    """systemd's readiness protocol: one datagram to $NOTIFY_SOCKET; nothing happens without systemd."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as s:
        try:
            s.sendto(text.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            logging.getLogger("systemd").warning("cannot notify systemd at %s", address)
