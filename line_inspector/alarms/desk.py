"""The alarms of a running line: watched, shown, acknowledged, put on record, and kept over a restart."""

import logging
from collections import Counter

from line_inspector.alarms import table
from line_inspector.alarms.book import AlarmBook, AlarmEvent, Happening
from line_inspector.alarms.latch_file import LatchFile, told
from line_inspector.alarms.table import Severity
from line_inspector.alarms.watch import Conditions, LineWatch, restored, unpassed_frame
from line_inspector.bus import Bus
from line_inspector.challenge_record import ChallengeRecord
from line_inspector.config import Line
from line_inspector.messages import AlarmAcknowledgement, AlarmsStanding
from line_inspector.part_record import PartRecord
from line_inspector.records.audit import Change, change
from line_inspector.records.ledger import LedgerWriter
from line_inspector.streams import ACKNOWLEDGEMENTS, ALARMS
from line_inspector.tracking.belt import Belt
from line_inspector.wall_clock import wall_ns

SHOWN_EVERY_NS = int(1e9 / ALARMS.rate_hz)

_log = logging.getLogger("alarms")


class AlarmDesk:
    """Joins the book of alarms with bus, ledger and file. For decision's thread; no method waits.

    Every event goes into the ledger's audit table: `alarm.raise`, `alarm.acknowledge` (`who` is the operator by the
    name they gave), `alarm.clear`. `belt` says when rejects fall; without one it runs at one speed.
    """

    def __init__(self, line: Line, bus: Bus, ledger: LedgerWriter, belt: Belt | None = None) -> None:
        cameras = tuple(line.cameras)
        self._file = LatchFile(line.latch_path, cameras)
        challenged = cameras if line.challenge else ()
        self.book = AlarmBook(restored(self._file.read(), challenged), wall_ns())
        self._watch = LineWatch(line.alarms, line.lanes, self.book, belt)
        self._ledger = ledger
        self._shown = bus.publisher(ALARMS)
        self._acknowledgements = bus.receiver(ACKNOWLEDGEMENTS, AlarmAcknowledgement)
        self.socket = self._acknowledgements.socket
        self._next_shown_ns = 0
        self._raised: Counter[str] = Counter()

    @property
    def accepts_stopped(self) -> tuple[str, ...]:
        """Names of the alarms for which nothing may be accepted; empty when there is none."""
        return self.book.accepts_stopped

    @property
    def stop_requested(self) -> bool:
        """Whether the line is asked to stop."""
        return self.book.stop_requested

    @property
    def refused(self) -> int:
        """Messages that were none."""
        return self._acknowledgements.refused

    def counters(self) -> dict[str, int]:
        """For health: how many stand, how often each was raised, and 1 while the line is asked to stop."""
        counts = {f"alarm.{name}": count for name, count in self._raised.items()}
        return {**counts, "alarms": len(self.book.standing), "stop_requested": int(self.stop_requested)}

    def decided(self, record: PartRecord, place: int | None = None) -> None:
        """A part was decided, which is before the gate when the belt is at `place`; None where nobody knows."""
        self._watch.decided(record, wall_ns(), place)
        self._settle()

    def derailed(self, now_ns: int) -> None:
        """The belt's places mean something else from now on."""
        self._watch.derailed(now_ns)

    def challenged(self, record: ChallengeRecord) -> None:
        """A challenge has been decided; it goes on record, whatever came of it."""
        self._ledger.submit_challenge(record)
        self._watch.challenged(record)
        self._settle()

    def expect_reject(self, part_id: str, gate_ns: int) -> None:
        """What is before the gate then must be seen falling into the reject bin, as every rejected part must."""
        self._watch.expect_reject(part_id, gate_ns)

    def unpassed_frames(self) -> dict[str, str]:
        """By camera: the known defect that stopped accepting, and that has not passed since."""
        unpassed = {one.subject: unpassed_frame(one) for one in self.book.standing}
        return {camera: frame for camera, frame in unpassed.items() if frame}

    def challenge_overdue(self, camera: str, overdue: bool, detail: str) -> None:
        """Whether a challenge of this camera has waited for too long."""
        self.book.signal(table.CHALLENGE_OVERDUE, camera, overdue, wall_ns(), detail)

    def turn(self, conditions: Conditions, now_ns: int) -> None:
        """Looks at the line's neighbours, takes acknowledgements, and shows what stands."""
        at_wall_ns = wall_ns()
        self._watch.look(conditions, now_ns, at_wall_ns)
        for one in self._acknowledgements.drain():
            self._watch.acknowledge(one.name, one.subject, one.who, at_wall_ns)
        changed = self._settle()
        self._file.write(self.book.standing)
        if changed or now_ns >= self._next_shown_ns:
            self._next_shown_ns = now_ns + SHOWN_EVERY_NS
            alarms = tuple(told(one) for one in self.book.standing)
            self._shown.send(AlarmsStanding(sent_ns=now_ns, alarms=alarms, stop_requested=self.stop_requested))

    def _settle(self) -> bool:
        """Puts on record what has happened; False when nothing has."""
        events = self.book.take_events()
        for event in events:
            if event.happening is Happening.RAISED:
                self._raised[event.alarm.name] += 1
            _log.log(_level(event), "%s: %s", event.happening.value, _in_words(event))
            self._ledger.submit_change(_change(event))
        return bool(events)


def _level(event: AlarmEvent) -> int:
    if event.happening is not Happening.RAISED:
        return logging.INFO
    return logging.ERROR if event.alarm.severity is Severity.CRITICAL else logging.WARNING


def _in_words(event: AlarmEvent) -> str:
    about = f"{event.alarm.name} {event.subject}".strip()
    told_of = f"{about} ({event.detail})" if event.detail else about
    if event.happening is Happening.RAISED:
        return f"{told_of}: {event.alarm.meaning}. {event.alarm.next_step}"
    return f"{told_of} by {event.who}" if event.who else told_of


def _change(event: AlarmEvent) -> Change:
    """The row of the audit table: `old` and `new` are what was and what is, such as '' and 'critical: 10 in a row'."""
    subject = f"{event.alarm.name} {event.subject}".strip()
    standing = f"{event.alarm.severity.value}: {event.detail}".removesuffix(": ")
    old, new = {
        Happening.RAISED: ("", standing),
        Happening.ACKNOWLEDGED: (standing, "acknowledged"),
        Happening.CLEARED: (standing, ""),
    }[event.happening]
    row = change(event.happening.value, subject, old, new)
    return Change(row.key, event.wall_ns, event.who or row.who, row.action, row.subject, row.old, row.new)
