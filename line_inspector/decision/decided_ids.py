"""The ids of decided parts, for as long as somebody may still speak of them."""

from collections import OrderedDict
from collections.abc import Iterable

REMEMBERED_PARTS = 20_000  # a minute at 300/s; what capture is not answered it repeats every 10 s at least


class DecidedIds:
    """Every id until the ledger has its part, and of those that it has the last REMEMBERED_PARTS."""

    def __init__(self, part_ids: Iterable[str]) -> None:
        self._uncommitted = set(part_ids)
        self._committed: OrderedDict[str, None] = OrderedDict()

    def add(self, part_ids: Iterable[str]) -> None:
        """They were decided just now."""
        self._uncommitted.update(part_ids)

    def committed(self, part_id: str) -> None:
        """The ledger has the part."""
        self._uncommitted.discard(part_id)
        self._committed[part_id] = None
        if len(self._committed) > REMEMBERED_PARTS:
            self._committed.popitem(last=False)

    def __contains__(self, part_id: str) -> bool:
        return part_id in self._uncommitted or part_id in self._committed
