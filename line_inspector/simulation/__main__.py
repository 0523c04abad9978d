"""The world's process: `python -m line_inspector.simulation LINE.yaml [--parts N] [--seconds N]`.

When told to stop, or after so many parts or seconds, no more parts come; it ends when those on the belt have passed the
gate and the line has acknowledged every trigger.
"""

import argparse
import time

from line_inspector import runtime
from line_inspector.simulation.world import World

LAST_ACKNOWLEDGEMENT_NS = 20_000_000_000
SETTLING_STEP_S = 0.002


def serve(station: runtime.Station, arguments: argparse.Namespace) -> None:
    """Runs until told to stop, or until enough parts or seconds have passed."""
    world = World(station, arguments.parts)
    end_ns = time.monotonic_ns() + int(arguments.seconds * 1e9) if arguments.seconds is not None else None
    for now_ns in station.turns(world.wake_ns):
        world.move(now_ns)
        world.trigger(now_ns)
        if world.exhausted or (end_ns is not None and now_ns >= end_ns):
            break
    _settle(station, world)
    world.close()


def _settle(station: runtime.Station, world: World) -> None:
    line = station.line
    now_ns = time.monotonic_ns()
    travel_ns = max(line.travel_ns(camera) for camera in line.cameras)
    if line.simulation and line.simulation.speed_change_s:  # a slow belt, and stops
        travel_ns = int(2 * travel_ns / line.simulation.least_speed + 4e9 * line.simulation.speed_change_s)
    end_ns = now_ns + travel_ns + LAST_ACKNOWLEDGEMENT_NS
    while not world.settled and now_ns < end_ns:
        time.sleep(SETTLING_STEP_S)
        now_ns = time.monotonic_ns()
        station.beat(now_ns)
        world.move(now_ns)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--parts", type=int, help="number of parts to put on the belt; without end when left out")
    parser.add_argument("--seconds", type=float, help="for how long parts come; without end when left out")


if __name__ == "__main__":
    runtime.main("world", serve, _options)
