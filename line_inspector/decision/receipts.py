"""Who may stop repeating an announcement, and which journal lines have served: both follow the ledger's commits."""

from collections import OrderedDict, deque

REMEMBERED_PARTS = 20_000  # as decided_ids.py


class Receipts:
    """Announcements that wait for the ledger, the parts that are in it, and what the journal may forget.

    A journal line is kept for `keep_ns` after its commit, longer than any part's deadline: a part that is announced
    again after a crash, while it could still be accepted, is always known as decided.
    """

    def __init__(self, keep_ns: int) -> None:
        self._keep_ns = keep_ns
        self._senders: dict[str, bytes] = {}
        self._committed: OrderedDict[str, None] = OrderedDict()
        self._served: deque[tuple[int, str]] = deque()

    def announced(self, part_id: str, sender: bytes) -> bool:
        """True when the part is committed, so that `sender` can have its receipt now; otherwise it must wait."""
        if part_id in self._committed:
            return True
        self._senders[part_id] = sender
        return False

    def committed(self, part_id: str, now_ns: int) -> bytes | None:
        """The part is in the ledger: who waits for its receipt, if anybody."""
        self._committed[part_id] = None
        if len(self._committed) > REMEMBERED_PARTS:
            self._committed.popitem(last=False)
        self._served.append((now_ns + self._keep_ns, part_id))
        return self._senders.pop(part_id, None)

    def served(self, now_ns: int) -> list[str]:
        """Parts whose journal lines are needed no more, each once."""
        ids: list[str] = []
        while self._served and self._served[0][0] <= now_ns:
            ids.append(self._served.popleft()[1])
        return ids

    def __len__(self) -> int:
        return len(self._senders)
