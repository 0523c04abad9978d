"""Frames of one batch, wherever they lie: in the ring of this host, or in a message from another."""

from collections.abc import Sequence

from line_inspector.images import Frame
from line_inspector.messages import SlotRef
from line_inspector.ring import RingReader, TornFrame
from line_inspector.workers.door import Request


class Received:
    """The frames of these requests. What came with its pixels is looked at there, everything else in the ring."""

    def __init__(self, requests: Sequence[Request], ring: RingReader) -> None:
        self._requests = {(request.frame.part_id, request.frame.slot): request for request in requests}
        self._ring = ring

    def view(self, ref: SlotRef, part_id: str) -> Frame:
        """The frame in place. Raises TornFrame."""
        request = self._requests.get((part_id, ref))
        if request is None:
            raise TornFrame(f"{part_id} is not of this batch")
        return self._ring.view(ref, part_id) if request.pixels is None else request.pixels

    def check(self, ref: SlotRef, part_id: str) -> None:
        """Raises TornFrame unless the frame is still whole; nobody writes into a message."""
        self.view(ref, part_id)
