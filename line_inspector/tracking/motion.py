"""A trigger is motion: a part comes to a camera only while the belt moves, whatever the count says."""

from collections import deque

from line_inspector.tracking.belt import Belt

AWAITED_TRIGGERS = 256  # of which the belt has not been read long enough afterwards


class Motion:
    """The triggers of late, against what the belt is said to have done at each."""

    def __init__(self) -> None:
        self._awaited: deque[int] = deque(maxlen=AWAITED_TRIGGERS)

    def trigger(self, trigger_ns: int) -> None:
        """A part came to a camera at that moment."""
        self._awaited.append(trigger_ns)

    def contradicts(self, belt: Belt) -> bool:
        """Whether the belt is said to have stood when a part came; true once for the same trigger."""
        moved = [(trigger_ns, belt.moved(trigger_ns)) for trigger_ns in self._awaited]
        self._awaited = deque((at_ns for at_ns, known in moved if known is None), AWAITED_TRIGGERS)
        return any(known is False for _, known in moved)
