"""What a camera tells decision of its parts: that each exists, and how near to it others came."""

import time
from typing import Any

from msgspec.structs import replace

from line_inspector.bus import AckedSender
from line_inspector.config import NS_PER_MS, NS_PER_S, Line
from line_inspector.messages import Announcement, Trigger
from line_inspector.tracking.belt import NEVER_NS
from line_inspector.tracking.gaps import Gap, Gaps, Sighting
from line_inspector.wall_clock import wall_ns

EARLIEST_TRIGGER_NS = 50_000_000  # a source may date a trigger a little ahead
LATEST_TRIGGER_NS = 20_000_000  # a trigger is on its way for this long at most, or its gap is not known
TOLD_BEFORE_NS = 10_000_000  # what is known of a gap must reach decision so long before its part's deadline
FIRST_LOOK_NS = 300_000_000  # by then a trigger that nobody was there to take has been repeated


class Announcer:
    """For one camera, whose sockets are there from `now_ns` on.

    Every announcement is repeated until decision has acknowledged it, in its latest words.
    """

    def __init__(self, sender: AckedSender, line: Line, camera: str, now_ns: int) -> None:
        self._sender, self._line, self._camera = sender, line, camera
        double_ns = int(line.cameras[camera].part_length_mm / line.belt.speed_mm_s * NS_PER_S)
        self._window_ns = window_ns = int(line.decision.gate.window_ms * NS_PER_MS) + 1
        in_time_ns = line.deadline_ns(camera) - LATEST_TRIGGER_NS - TOLD_BEFORE_NS
        self._gaps = Gaps(now_ns + FIRST_LOOK_NS, max(1, min(window_ns, in_time_ns)), double_ns)
        self._announced: dict[str, Announcement] = {}  # parts that decision has not acknowledged

    def announce(self, trigger: Trigger) -> Sighting:
        """A part exists. The gaps of neighbours that it has ended are told of at once."""
        now_ns = time.monotonic_ns()
        sighting = self._gaps.trigger(trigger.part_id, min(trigger.trigger_ns, now_ns + EARLIEST_TRIGGER_NS))
        announcement = self._of(trigger.part_id, trigger.trigger_ns, wall_ns() - (now_ns - trigger.trigger_ns))
        announcement = replace(announcement, **_told(sighting.gap))
        self._announced[trigger.part_id] = announcement
        self._sender.send(trigger.part_id, announcement)
        for gap in sighting.ended:
            self._tell(gap)
        return sighting

    def challenge(self, part_id: str, now_ns: int) -> Announcement:
        """A known defect is put in now. It is no part, and so nobody's neighbour."""
        announcement = self._of(part_id, now_ns, wall_ns())
        self._sender.send(part_id, announcement)
        return announcement

    def watched(self, now_ns: int) -> None:
        """Every trigger that had arrived by now has been announced: decision hears how wide the last part's gap is."""
        gap = self._gaps.watched(now_ns - LATEST_TRIGGER_NS)
        if gap and not (self._tell(gap) and self._line.belt.encoder):
            self._gaps.enough()  # it is decided; or the belt is steady, and the gap wide enough now

    def next_ns(self) -> int:
        """When `watched` has something to tell."""
        next_ns = self._gaps.next_ns
        return NEVER_NS if next_ns is None else next_ns + LATEST_TRIGGER_NS

    def acknowledged(self) -> list[str]:
        """What decision has newly taken responsibility for."""
        part_ids = self._sender.acknowledged()
        for part_id in part_ids:
            self._announced.pop(part_id, None)
        return part_ids

    def resend(self, now_ns: int) -> None:
        """Repeats what is due."""
        self._sender.resend(now_ns)

    @property
    def refused(self) -> int:
        """Acknowledgements that were none."""
        return self._sender.refused

    def __len__(self) -> int:
        """Announcements that decision has not acknowledged."""
        return len(self._sender)

    def _of(self, part_id: str, trigger_ns: int, trigger_wall_ns: int) -> Announcement:
        return Announcement(
            part_id=part_id,
            camera=self._camera,
            trigger_ns=trigger_ns,
            trigger_wall_ns=trigger_wall_ns,
            deadline_ns=trigger_ns + self._line.deadline_ns(self._camera),
            gate_ns=trigger_ns + self._line.travel_ns(self._camera),
        )

    def _tell(self, gap: Gap) -> bool:
        """Announces the part once more, with what is known of its gap by now; False when that is of no more use."""
        told = self._announced.get(gap.part_id)
        if told is None:
            return False
        known_free = self._is_free(told.trigger_ns, told.free_until_ns) and told.free_from_ns == gap.from_ns
        if known_free and self._is_free(told.trigger_ns, gap.until_ns):
            return True
        self._announced[gap.part_id] = told = replace(told, **_told(gap))
        return self._sender.renew(gap.part_id, told)

    def _is_free(self, trigger_ns: int, until_ns: int | None) -> bool:
        """Whether nobody follows within the gate's window: then it changes nothing how far behind the next one is.

        Not with an encoder, whose belt may bring the next one nearer in time.
        """
        return until_ns is not None and until_ns - trigger_ns >= self._window_ns and not self._line.belt.encoder


def _told(gap: Gap) -> dict[str, Any]:
    return {"free_from_ns": gap.from_ns, "free_until_ns": gap.until_ns, "followed": gap.followed}
