"""Takes results and health off the bus, frames out of the rings, and puts the page's view on the board.

It only reads: a slot that has been reused gives no picture, and nothing here is waited for by any other station.
"""

from line_inspector.bus import Bus
from line_inspector.config import Line
from line_inspector.messages import AlarmsStanding, Health, Result
from line_inspector.overlay.board import Board
from line_inspector.overlay.pacing import Pacer
from line_inspector.overlay.picture import draw
from line_inspector.overlay.state import NO_PICTURE, State
from line_inspector.ring import RingReader, TornFrame
from line_inspector.streams import ACKNOWLEDGEMENTS, ALARMS, HEALTH, RESULTS

UNWATCHED_HZ = 1.0
VIEW_INTERVAL_NS = 100_000_000


class Feed:
    """One turn at a time, in the station's own thread."""

    def __init__(self, bus: Bus, line: Line, now_ns: int) -> None:
        self._state = State(line, now_ns)
        self._refresh_hz = line.overlay.refresh_hz
        self._pacers = {camera: Pacer() for camera in line.cameras}
        self._ring = RingReader()
        self.results = bus.subscriber(RESULTS, Result)
        self.healths = bus.subscriber(HEALTH, Health, self._state.liveness.stations)
        self._alarms = bus.subscriber(ALARMS, AlarmsStanding)
        self._acknowledgements = bus.sender(ACKNOWLEDGEMENTS)
        self.board = Board(self._state.view(now_ns))
        self.pictures = 0
        self.missed = 0

    @property
    def refused(self) -> int:
        """Malformed messages so far."""
        return self.results.refused + self.healths.refused + self._alarms.refused

    def turn(self, now_ns: int) -> None:
        """Takes what has arrived, draws what is due, and renews the view."""
        for health in self.healths.drain():
            self._state.liveness.take(health)
        for told in self._alarms.drain():
            self._state.take_alarms(told)
        self._hand_on()
        for result in self.results.drain():
            self._take(result)
        chosen = self._chosen(now_ns)
        for result in chosen:
            self._state.show(result, self._draw(result))
        if chosen or now_ns - self.board.view.made_ns >= VIEW_INTERVAL_NS:
            self.board.view = self._state.view(now_ns)

    def close(self) -> None:
        """Frees the sockets."""
        self.results.close()
        self.healths.close()
        self._alarms.close()
        self._acknowledgements.close()

    def _hand_on(self) -> None:
        """Acknowledgements from the pages; one that decision does not take now is for the operator to repeat."""
        while not self.board.acknowledged.empty():
            self._acknowledgements.send(self.board.acknowledged.get())

    def _take(self, result: Result) -> None:
        if not self._state.note(result):
            return
        displaced = self._pacers[result.camera].offer(result)
        if displaced:
            self._state.list_reject(displaced)

    def _chosen(self, now_ns: int) -> list[Result]:
        """Parts to show now. Without a browser the rejects are drawn for the strip, and few accepts."""
        accept_hz = self._refresh_hz if self.board.is_watched(now_ns) else min(self._refresh_hz, UNWATCHED_HZ)
        accept_ns, reject_ns = int(1e9 / accept_hz), int(1e9 / self._refresh_hz)
        return [result for pacer in self._pacers.values() if (result := pacer.due(now_ns, accept_ns, reject_ns))]

    def _draw(self, result: Result) -> str:
        """Key of the part's picture, or NO_PICTURE where its frame is gone: never another part's."""
        if not result.slot:
            return NO_PICTURE
        try:
            frame = self._ring.copy(result.slot, result.view_id)
        except TornFrame:
            self.missed += 1
            return NO_PICTURE
        self.pictures += 1
        return self.board.album.add(result.camera, draw(frame, result), is_reject=not result.accepted)
