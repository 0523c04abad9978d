"""The operators' page: the main thread reads the bus and keeps the station's beat, a second thread serves the web."""

import argparse
import os
import sys
import time

import cv2

from line_inspector import runtime
from line_inspector.overlay.feed import Feed
from line_inspector.overlay.server import Server, address, listen
from line_inspector.overlay.site import build_site

NICENESS = 10  # watching never slows deciding
START_POLL_S = 0.02


class ServerEnded(Exception):
    """The web server ended by itself; the station must be started again."""


def serve(station: runtime.Station, _arguments: argparse.Namespace) -> None:
    """Runs until told to stop."""
    os.nice(NICENESS)
    cv2.setNumThreads(1)
    settings = station.line.overlay
    listener = listen(settings.host, settings.port)
    feed = Feed(station.bus, station.line, time.monotonic_ns())
    server = Server(build_site(station.line, feed.board), listener)
    _wait_until_serving(station, server)
    print(f"overlay: {address(listener)}", file=sys.stderr, flush=True)
    station.watch(feed.results.socket)
    station.watch(feed.healths.socket)
    for now_ns in station.turns():
        feed.turn(now_ns)
        station.counters["pictures"] = feed.pictures
        station.counters["pictures_missed"] = feed.missed
        station.counters["refused"] = feed.refused
        if server.failed:
            raise ServerEnded("the web server has ended")
    server.close()
    feed.close()


def _wait_until_serving(station: runtime.Station, server: Server) -> None:
    while not server.serving:
        if server.failed:
            raise ServerEnded("the web server did not start")
        station.beat(time.monotonic_ns())
        time.sleep(START_POLL_S)


if __name__ == "__main__":
    runtime.main("overlay", serve)
