"""The program of the simulated PLC, as docs/plc.md asks a real one to be: what it does with values, without a wire."""

import random
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from line_inspector.actuators.plc_clock import NS_PER_COUNT
from line_inspector.actuators.plc_signals import ACCEPT, CLOCK_MODULUS, Inputs, Mode, Outputs
from line_inspector.simulation.bin_sensor import BinSensor
from line_inspector.simulation.gate import Passage, Why

REMEMBERED_BEATS = 256
LAST_SESSION = 65_535


@dataclass(frozen=True)
class OpenWindow:
    """While the PLC's clock is in it, whatever passes the lane's gate is let pass."""

    lane: int
    first_ms: int
    last_ms: int
    received_ns: int

    def holds(self, count: int) -> bool:
        """Whether the clock at `count` is in the window, across the wrap too."""
        return (count - self.first_ms) % CLOCK_MODULUS <= (self.last_ms - self.first_ms) % CLOCK_MODULUS

    def over(self, count: int) -> bool:
        """Whether the clock has left the window behind."""
        return 0 < (count - self.last_ms) % CLOCK_MODULUS < CLOCK_MODULUS // 2


class PlcProgram:
    """Takes results, watches the heartbeat, and moves the gate by its own clock.

    Times are CLOCK_MONOTONIC nanoseconds of the world, from which the program's clock is `cycle_ms` coarse and apart by
    an offset that nobody is told. It knows windows, not parts: another part in a window passes too. Methods may be
    called from any thread.
    """

    def __init__(
        self,
        lanes: Mapping[str, int],
        heartbeat_timeout_ns: int,
        cycle_ms: int,
        rng: random.Random,
        bin_sensor: BinSensor | None = None,
    ) -> None:
        self.mode = Mode.CONTINUOUS
        self.stop_requested = False
        self._bin = bin_sensor or BinSensor(None)
        self.session = rng.randint(1, LAST_SESSION)
        self._lanes, self._timeout_ns = lanes, heartbeat_timeout_ns
        self._cycle_ms = max(1, cycle_ms)
        self._offset_ns = rng.randrange(CLOCK_MODULUS) * NS_PER_COUNT
        self._acknowledge = 0
        self._heartbeat: int | None = None
        self._beats_ns: deque[int] = deque(maxlen=REMEMBERED_BEATS)
        self._windows: list[OpenWindow] = []
        self._standing: Inputs | None = None  # what can be read while the program stands still
        self._shift_ns = 0
        self._lock = threading.Lock()

    def pause(self, now_ns: int) -> None:
        """The program stands still: it takes nothing, its clock stops, and its outputs rest at reject."""
        standing = self.inputs(now_ns)
        with self._lock:
            self._standing = standing

    def resume(self) -> None:
        """The program goes on with what it knew; its clock has gone on meanwhile."""
        with self._lock:
            self._standing = None

    def restart(self) -> None:
        """The program starts anew, knows nothing, and says so by another session."""
        with self._lock:
            self.session = self.session % LAST_SESSION + 1
            self._standing, self._heartbeat, self._acknowledge = None, None, 0
            self._beats_ns.clear()
            self._windows.clear()

    def shift_clock(self, shift_ms: int) -> None:
        """The clock is off by so much from what it was at the start."""
        with self._lock:
            self._shift_ns = shift_ms * NS_PER_COUNT

    def written(self, outputs: Outputs, now_ns: int) -> None:
        """The vision system has written these values."""
        with self._lock:
            if self._standing:
                return
            self.stop_requested = bool(outputs.stop_request)
            if not outputs.ready or self._silent(now_ns):
                self._windows.clear()
            if self._heartbeat not in (None, outputs.heartbeat):
                self._beats_ns.append(now_ns)
            self._heartbeat = outputs.heartbeat
            if outputs.result_valid and outputs.result_number not in (0, self._acknowledge):
                self._take(outputs, now_ns)
                self._acknowledge = outputs.result_number

    def inputs(self, now_ns: int) -> Inputs:
        """The values that the vision system reads now."""
        with self._lock:
            if self._standing:
                return self._standing
            state, count = self._bin.state, self._count(now_ns)
            return Inputs(self.session, count, self._acknowledge, self.mode, state.count, state.full)

    def passage(self, camera: str, gate_ns: int) -> Passage:
        """How whatever is before the camera's gate at `gate_ns` goes through, by what had arrived by then."""
        with self._lock:
            if self._standing:
                return Passage(False, Why.NO_ACCEPT, None)
            lane, count = self._lanes[camera], self._count(gate_ns)
            known = [w for w in self._windows if w.lane == lane and w.received_ns < gate_ns]
            found = next((w for w in known if w.holds(count)), None)
            self._windows = [w for w in self._windows if w.lane != lane or not w.over(count)]
            if found is None:
                return Passage(False, Why.NO_ACCEPT, None)
            if self._silent(gate_ns):
                return Passage(False, Why.NO_HEARTBEAT, found.received_ns)
            return Passage(True, Why.ACCEPTED, found.received_ns)

    def _take(self, outputs: Outputs, now_ns: int) -> None:
        if outputs.verdict == ACCEPT and outputs.session_echo == self.session:
            window = OpenWindow(outputs.lane, outputs.window_start_ms, outputs.window_end_ms, now_ns)
            self._windows.append(window)

    def _silent(self, now_ns: int) -> bool:
        """Whether the heartbeat had stopped by then."""
        heard_ns = max((beat_ns for beat_ns in self._beats_ns if beat_ns <= now_ns), default=None)
        return heard_ns is None or now_ns - heard_ns >= self._timeout_ns

    def _count(self, now_ns: int) -> int:
        count = (now_ns + self._offset_ns + self._shift_ns) // NS_PER_COUNT
        return (count - count % self._cycle_ms) % CLOCK_MODULUS
