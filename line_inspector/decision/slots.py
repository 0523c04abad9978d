"""Where the pictures of open parts lie in the frame ring, for archive and page; deciding does not need it."""

from collections import OrderedDict
from collections.abc import Iterable

from line_inspector.messages import FrameReady, SlotRef

REMEMBERED_SLOTS = 4096


class Slots:
    """The slots that cameras have told of, by the id of the part or view."""

    def __init__(self) -> None:
        self._slots: OrderedDict[str, SlotRef] = OrderedDict()

    def note(self, shot: FrameReady) -> None:
        """A picture has been taken."""
        self._slots[shot.part_id] = shot.slot
        if len(self._slots) > REMEMBERED_SLOTS:
            self._slots.popitem(last=False)

    def take(self, views: Iterable[str]) -> dict[str, SlotRef]:
        """The slots of a decided part's views of which a picture was taken, by their ids; forgets them."""
        return {part_id: self._slots.pop(part_id) for part_id in views if part_id in self._slots}
