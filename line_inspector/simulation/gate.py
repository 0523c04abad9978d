"""The simulated reject gate: rejects whatever it was not told, in time and by a living decision, to let pass."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from line_inspector.messages import AcceptPart


class Why(StrEnum):
    """What moved the gate, or left it at rest."""

    ACCEPTED = "accepted"
    NO_ACCEPT = "no_accept"
    OUTSIDE_WINDOW = "outside_window"
    NO_HEARTBEAT = "no_heartbeat"


@dataclass(frozen=True)
class Passage:
    """How one part went through the gate."""

    accepted: bool
    why: Why
    accept_received_ns: int | None


class WorldGate(Protocol):
    """The gate at the end of the belt, and the only way by which the line can move it."""

    @property
    def refused(self) -> int:
        """Messages that were none."""
        ...

    @property
    def stop_requested(self) -> bool:
        """Whether the line was last heard asking for a stop."""
        ...

    def hear(self) -> None:
        """Takes what has arrived from the line."""

    def passage(self, part_id: str, camera: str, gate_ns: int) -> Passage:
        """How the part that is before the gate at `gate_ns` goes through, by all that had arrived by then."""
        ...

    def close(self) -> None:
        """Lets go of what it listens on."""


class SimulatedReject:
    """Knows the accepts and the heartbeat that have arrived; decides at the moment when a part is before it."""

    def __init__(self, heartbeat_timeout_ns: int) -> None:
        self._timeout_ns = heartbeat_timeout_ns
        self._accepts: dict[str, tuple[AcceptPart, int]] = {}
        self._beat_sent_ns: int | None = None

    def accept(self, accept: AcceptPart, now_ns: int) -> None:
        """An accept has arrived; a repeated one changes nothing, one whose window has passed is forgotten."""
        self._accepts = {i: kept for i, kept in self._accepts.items() if kept[0].window_end_ns >= now_ns}
        self._accepts.setdefault(accept.part_id, (accept, now_ns))

    def beat(self, sent_ns: int) -> None:
        """A heartbeat has arrived that was sent then; the last one to arrive counts, also when it is an old one."""
        self._beat_sent_ns = sent_ns

    def passage(self, part_id: str, camera: str, gate_ns: int) -> Passage:
        """How the part that is before the gate at `gate_ns` goes through, by all that had arrived by then."""
        accept, received_ns = self._accepts.pop(part_id, (None, None))
        if not accept or received_ns is None or accept.camera != camera or received_ns >= gate_ns:
            return Passage(False, Why.NO_ACCEPT, received_ns)
        if not accept.window_start_ns <= gate_ns <= accept.window_end_ns:
            return Passage(False, Why.OUTSIDE_WINDOW, received_ns)
        if self._beat_sent_ns is None or not 0 <= gate_ns - self._beat_sent_ns < self._timeout_ns:
            return Passage(False, Why.NO_HEARTBEAT, received_ns)
        return Passage(True, Why.ACCEPTED, received_ns)
