"""Reads the belt's count from a PLC or counter module, and publishes it with the moment at which it was true."""

import argparse
from collections.abc import Callable
from contextlib import closing

from line_inspector import runtime
from line_inspector.encoders import connect_counter, require_counter
from line_inspector.encoders.reader import CountReader
from line_inspector.errors import InputError
from line_inspector.messages import Encoder
from line_inspector.runtime import SERVING
from line_inspector.streams import ENCODER

NO_COUNT = "no count"


class ReaderEnded(Exception):
    """The thread that reads has ended; the station must be started again."""


def serve(station: runtime.Station, _arguments: argparse.Namespace) -> None:
    """Runs until told to stop. Raises InputError on a line whose count comes from elsewhere."""
    line = station.line
    source = line.counter
    if not source:
        remedy = "Set belt.encoder.source (docs/tracking.md), or do not start this station"
        raise InputError("has no counter to be read", f"line {line.line}", remedy)
    require_counter(source)

    def open_publisher() -> Callable[[Encoder], bool]:
        return station.bus.publisher(ENCODER).send

    with closing(CountReader(line.belt, source, lambda: connect_counter(source), open_publisher)) as reader:
        station.counts_by(lambda: station.counters.update(reader.tally()))
        for _ in station.turns():
            station.state = SERVING if reader.counting else NO_COUNT
            if not reader.alive:
                raise ReaderEnded("the thread that reads the counter has ended; its reason stands in the log")


if __name__ == "__main__":
    runtime.main("encoder", serve)
