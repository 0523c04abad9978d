"""The one place where the feed's thread and the web server's meet: whole values, each replaced at once."""

import queue
from dataclasses import dataclass, field

from line_inspector.messages import AlarmAcknowledgement
from line_inspector.overlay.album import Album
from line_inspector.overlay.view import LineView

WATCHED_FOR_NS = 3_000_000_000


@dataclass
class Board:
    """`view` is replaced, never changed; `looked_ns` is when a browser last looked (CLOCK_MONOTONIC).

    `acknowledged` is what operators have seen, on its way to decision.
    """

    view: LineView
    album: Album = field(default_factory=Album)
    looked_ns: int = 0
    acknowledged: "queue.SimpleQueue[AlarmAcknowledgement]" = field(default_factory=queue.SimpleQueue)

    def is_watched(self, now_ns: int) -> bool:
        """Whether any browser has the page open."""
        return now_ns - self.looked_ns < WATCHED_FOR_NS
