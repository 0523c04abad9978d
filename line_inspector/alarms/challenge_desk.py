"""The challenges of a running line: asked of capture, judged, and handed to the alarms and the ledger."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from line_inspector.alarms.desk import AlarmDesk
from line_inspector.bus import Bus
from line_inspector.challenge_record import ChallengeRecord
from line_inspector.config import Line
from line_inspector.decision.challenges import Challenges
from line_inspector.known_defects import names_of_known_defects
from line_inspector.messages import Announcement, Fault, LoopBack, Verdict
from line_inspector.part_record import PartRecord, ViewRecord, views_of
from line_inspector.streams import CHALLENGES, LOOP_BACK
from line_inspector.wall_clock import wall_ns

NO_FRAMES = "no pictures in {folder}"
NO_GAP = "no gap between parts, or capture or inference does not answer"
LOOKED_AT_CLOCK_NS = 1_000_000_000


class ChallengeDesk:
    """For decision's thread; no method waits. Without challenges in the line file it does nothing."""

    def __init__(self, line: Line, bus: Bus, alarms: AlarmDesk, now_ns: int) -> None:
        self._alarms = alarms
        self._course: Challenges | None = None
        self._senders = {camera: bus.sender(CHALLENGES, camera) for camera in line.cameras if line.challenge}
        self._loop_back = bus.sender(LOOP_BACK) if line.challenge and line.challenge.loop_back else None
        self._why_overdue: dict[str, str] = {}
        self._shifts = ShiftBegins(times[:5] for times in line.records.shifts.values())
        self._next_clock_ns = 0
        if line.challenge:
            frames: dict[str, list[str]] = {}
            for camera in line.cameras:
                folder = line.known_defects_dir(camera)
                frames[camera] = names_of_known_defects(folder) if folder else []
                self._why_overdue[camera] = NO_GAP if frames[camera] else NO_FRAMES.format(folder=folder)
            shortest_ns = min(line.deadline_ns(camera) for camera in line.cameras)
            self._course = Challenges(line.challenge, frames, shortest_ns, now_ns, alarms.unpassed_frames())

    def decided(self, record: PartRecord) -> None:
        """A part was decided: a new model is challenged, and how long verdicts take says what a gap must be."""
        seen_by: Sequence[PartRecord | ViewRecord] = views_of(record) or (record,)
        for view in seen_by:  # each camera is challenged by itself
            if self._course and view.verdict_ns is not None:
                self._course.decided(view.camera, view.model_version, view.verdict_ns - view.trigger_ns)

    def announced(self, announcement: Announcement, now_ns: int) -> None:
        """Capture has put a challenge in."""
        if not self._course:
            return
        if self._loop_back:
            part_id, camera, gate_ns = announcement.part_id, announcement.camera, announcement.gate_ns
            self._loop_back.send(LoopBack(part_id=part_id, camera=camera, gate_ns=gate_ns))
            self._alarms.expect_reject(part_id, gate_ns)
        self._conclude(self._course.announce(announcement, now_ns, wall_ns()))

    def answered(self, answer: Verdict | Fault, now_ns: int) -> None:
        """What becomes of a challenge."""
        if self._course:
            self._conclude(self._course.answer(answer, now_ns, wall_ns()))

    def turn(self, waiting_parts: int, worker_alive: bool, now_ns: int) -> None:
        """Asks for what is due, and gives up what was not answered in time. Parts wait that have no verdict yet."""
        if not self._course:
            return
        at_wall_ns = wall_ns()
        if now_ns >= self._next_clock_ns:
            self._next_clock_ns = now_ns + LOOKED_AT_CLOCK_NS
            if self._shifts.begun(datetime.fromtimestamp(at_wall_ns / 1e9)):
                self._course.hasten("shift")
        self._conclude(self._course.expire(not worker_alive, now_ns, at_wall_ns))
        for request in self._course.due(waiting_parts, worker_alive, now_ns, at_wall_ns):
            self._senders[request.camera].send(request)  # one that does not arrive stays due
        for camera, why in self._why_overdue.items():
            self._alarms.challenge_overdue(camera, self._course.overdue(camera, now_ns), why)

    def _conclude(self, records: list[ChallengeRecord]) -> None:
        for record in records:
            self._alarms.challenged(record)


class ShiftBegins:
    """Says, once, that a clock has come to one of `times` (HH:MM) since the last look, which was not long ago."""

    def __init__(self, times: Iterable[str]) -> None:
        self._times = set(times)
        self._last: str | None = None

    def begun(self, now: datetime) -> bool:
        """True at the first look in a minute at which a shift begins."""
        shown = f"{now:%H:%M}"
        before, self._last = self._last, shown
        return before is not None and shown != before and shown in self._times
