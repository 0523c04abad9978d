"""A gate on lines of this machine, through the kernel's GPIO devices (gpiod 2)."""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

import gpiod
from gpiod.line import Direction, Value

from line_inspector.actuators.gate import BinReading
from line_inspector.actuators.gpio_bin import GpioBin
from line_inspector.config import NS_PER_MS, NS_PER_S, GpioGateSettings
from line_inspector.errors import InputError

NEVER_NS = 2**63 - 1
QUEUED_WINDOWS = 64  # for each line


class GpioGate:
    """Holds a camera's line active during the windows of its accepted parts, toggles the heartbeat's line, and shows
    on another that the line should stop.

    A thread does it, as long as decision's loop beats; without a beat for `heartbeat_timeout_ms` every line rests. A
    process that is killed or frozen can no longer let go of a line: the heartbeat's line must stop the actuator then,
    docs/plc.md. Raises InputError where the chip or a line cannot be had.
    """

    def __init__(self, settings: GpioGateSettings, open_chip: "Callable[[str], gpiod.Chip]" = gpiod.Chip) -> None:
        self._period_ns = int(NS_PER_S / settings.heartbeat_hz)
        self._timeout_ns = int(settings.heartbeat_timeout_ms * NS_PER_MS)
        self._lines, self._heartbeat_line = dict(settings.accept_lines), settings.heartbeat_line
        self._windows: dict[int, list[tuple[int, int]]] = {line: [] for line in self._lines.values()}
        self._stop_line, self._stop_requested = settings.stop_line, False
        self._request, self._bin = _requested(settings, open_chip)
        self._shown: dict[int | str, Value] = {}
        self._beats = 0
        self._beaten_ns = self._next_beat_ns = 0
        self._safe = False
        self._changed = threading.Condition()  # guards everything above; held for microseconds
        self._thread = threading.Thread(target=self._run, name="gate")
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread still runs, and the bin's lines can be read."""
        return self._thread.is_alive() and not (self._bin and self._bin.broken)

    @property
    def accepting(self) -> bool:
        """Until `safe`."""
        return not self._safe

    def accept(self, part_id: str, camera: str, window_start_ns: int, window_end_ns: int) -> None:
        """Adds the window to its camera's line; nothing after `safe`, nor for a window that has begun."""
        with self._changed:
            windows = self._windows[self._lines[camera]]
            if not self._safe and window_start_ns > time.monotonic_ns() and len(windows) < QUEUED_WINDOWS:
                windows.append((window_start_ns, window_end_ns))
                self._changed.notify()

    def recall(self) -> None:
        """Forgets all windows, and closes the one that is open."""
        with self._changed:
            for windows in self._windows.values():
                windows.clear()
            self._changed.notify()

    @property
    def bin_reading(self) -> BinReading | None:
        """What the lines of the reject bin said at the last beat; None where there are none."""
        return self._bin.reading if self._bin else None

    def beat(self, now_ns: int, prepared: bool, stop_requested: bool = False) -> None:
        """Toggles the heartbeat's line when it is due, shows the request to stop, and reads the bin's lines."""
        if now_ns < self._next_beat_ns:
            return
        self._next_beat_ns = now_ns + self._period_ns
        with self._changed:
            self._beaten_ns = now_ns
            self._beats += 1
            self._stop_requested = stop_requested
            self._changed.notify()
        if self._bin:
            self._bin.look()

    def next_beat_ns(self) -> int:
        """When the next heartbeat is due."""
        return self._next_beat_ns

    def safe(self) -> None:
        """All accept lines inactive, now, and so is the stop's; the thread ends."""
        with self._changed:
            self._safe = True
            self._changed.notify()
            with suppress(OSError):  # the thread meets the same fault, and ends with it in the log
                self._show(time.monotonic_ns())

    def _run(self) -> None:
        with self._changed:
            while not self._safe and threading.main_thread().is_alive():
                now_ns = time.monotonic_ns()
                self._show(now_ns)
                due_ns = min(self._next_change_ns(now_ns), now_ns + self._timeout_ns)
                self._changed.wait(max(0, due_ns - time.monotonic_ns()) / NS_PER_S)
            self._safe = True
            self._show(time.monotonic_ns())
        self._request.release()

    def _show(self, now_ns: int) -> None:
        """Sets the lines that must change by now. After the release there is nothing to set any more."""
        beating = not self._safe and now_ns - self._beaten_ns < self._timeout_ns
        values: dict[int | str, Value] = {self._heartbeat_line: _value(bool(self._beats % 2))}
        if self._stop_line is not None:
            values[self._stop_line] = _value(self._stop_requested and not self._safe)
        for line, windows in self._windows.items():
            windows[:] = [window for window in windows if beating and window[1] > now_ns]
            values[line] = _value(any(start_ns <= now_ns for start_ns, _ in windows))
        changes = {line: value for line, value in values.items() if self._shown.get(line) is not value}
        if changes and self._request:
            self._request.set_values(changes)
            self._shown = values

    def _next_change_ns(self, now_ns: int) -> int:
        moments = [moment for windows in self._windows.values() for window in windows for moment in window]
        return min((moment for moment in moments if moment > now_ns), default=NEVER_NS)


def _value(active: bool) -> Value:
    return Value.ACTIVE if active else Value.INACTIVE


def _requested(
    settings: GpioGateSettings, open_chip: "Callable[[str], gpiod.Chip]"
) -> tuple[gpiod.LineRequest, GpioBin | None]:
    """The output lines, inactive from the first moment on, and those of the bin, if it has any."""
    path = str(settings.chip)
    try:
        chip = open_chip(path)
    except OSError as e:
        remedy = "Give a GPIO device of this machine (gpiodetect lists them) that the station's user may open"
        raise InputError(f"GPIO chip cannot be opened ({e.strerror})", path, remedy) from e
    try:
        with chip:
            reject_bin = GpioBin(settings, chip) if settings.bin_line is not None else None
            return chip.request_lines(_line_settings(settings), consumer="line-inspector"), reject_bin
    except (OSError, ValueError) as e:
        lines = ", ".join(map(str, settings.lines))
        remedy = "Check the numbers (gpioinfo lists them), and that no other program holds them"
        raise InputError(f"GPIO lines {lines} cannot be had ({e})", path, remedy) from e


def _line_settings(settings: GpioGateSettings) -> dict[Iterable[int | str] | int | str, gpiod.LineSettings | None]:
    stop = () if settings.stop_line is None else (settings.stop_line,)
    at_rest = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value.INACTIVE)
    return {
        (*settings.accept_lines.values(), *stop): replace(at_rest, active_low=settings.active_low),
        settings.heartbeat_line: at_rest,
    }
