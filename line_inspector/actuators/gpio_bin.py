"""The sensors of the reject bin on input lines of this machine (gpiod 2)."""

import logging
import time
from collections.abc import Iterable
from datetime import timedelta

import gpiod
from gpiod.line import Clock, Direction, Edge, Value

from line_inspector.actuators.gate import BinReading
from line_inspector.config import GpioGateSettings

COUNTER = 2**16
KERNEL_KEEPS_EDGES = 256  # decision reads 20 times a second or more often

_log = logging.getLogger("gate")


class GpioBin:
    """Counts the pulses on one line, and reads on another whether the bin is full. No method waits, and none raises."""

    def __init__(self, settings: GpioGateSettings, chip: gpiod.Chip) -> None:
        """Raises OSError or ValueError where a line cannot be had."""
        self._full_line, self._run = settings.bin_full_line, time.monotonic_ns()
        self._request = chip.request_lines(
            _line_settings(settings), consumer="line-inspector", event_buffer_size=KERNEL_KEEPS_EDGES
        )
        self._count, self._seen_ns = 0, 0
        self.broken = False
        self.reading: BinReading | None = None
        self.look()

    def look(self) -> None:
        """Takes what the lines have done since the last look; `broken` where they can no longer be read."""
        if self.broken:
            return
        try:
            while self._request.wait_edge_events(0):
                for edge in self._request.read_edge_events():
                    # the kernel numbers the edges of each line, also those that it had no room to keep
                    self._count, self._seen_ns = edge.line_seqno % COUNTER, edge.timestamp_ns
            full = self._full_line is not None and self._request.get_value(self._full_line) is Value.ACTIVE
        except OSError as e:
            self.broken, self.reading = True, None
            _log.error("the lines of the reject bin can no longer be read (%s)", e.strerror)
            return
        self.reading = BinReading(self._run, self._count, self._seen_ns, full)


def _line_settings(settings: GpioGateSettings) -> dict[Iterable[int | str] | int | str, gpiod.LineSettings | None]:
    assert settings.bin_line is not None
    pulses = gpiod.LineSettings(
        direction=Direction.INPUT,
        edge_detection=Edge.RISING,
        active_low=settings.bin_active_low,
        debounce_period=timedelta(milliseconds=settings.bin_debounce_ms),
        event_clock=Clock.MONOTONIC,
    )
    lines: dict[Iterable[int | str] | int | str, gpiod.LineSettings | None] = {settings.bin_line: pulses}
    if settings.bin_full_line is not None:
        lines[settings.bin_full_line] = gpiod.LineSettings(
            direction=Direction.INPUT, active_low=settings.bin_active_low
        )
    return lines
