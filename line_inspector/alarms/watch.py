"""The line's conditions, from what is decided and what its neighbours say, as signals into the book of alarms."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from line_inspector.actuators.gate import BinReading
from line_inspector.alarms import table
from line_inspector.alarms.book import LINE, LONGEST_DETAIL, AlarmBook, Standing
from line_inspector.alarms.lasting import Lasting
from line_inspector.alarms.part_runs import CameraSight, RejectRuns, WorkerPace
from line_inspector.alarms.reject_bin import RejectBin
from line_inspector.challenge_record import ChallengeOutcome, ChallengeRecord
from line_inspector.config import NS_PER_MS, NS_PER_S, AlarmSettings
from line_inspector.part_record import PartRecord, Reason, ViewRecord, is_part, views_of
from line_inspector.tracking.belt import Belt, TimedBelt

NAMED_PARTS = 3
SCORED = ", score "
BLAMED = " / "  # behind the name of a picture, which can hold no slash
WORKER_STARTS_NS = 30 * NS_PER_S


@dataclass(frozen=True)
class Conditions:
    """What decision knows of its neighbours at one moment."""

    worker_down: bool
    gate_down: bool
    journal_down: bool
    ledger_down: bool
    belt_unknown: bool
    bin_reading: BinReading | None


class LineWatch:
    """Tells `book` of every cause that comes and goes. Times are monotonic, but for the wall clock of the record.

    `lanes` are the cameras that see the same parts. Rejects count for each lane, under the name of its first camera;
    whether a camera is blind is told for each. `belt` says when rejects fall; without one it runs at one speed.
    """

    def __init__(
        self, settings: AlarmSettings, lanes: Iterable[tuple[str, ...]], book: AlarmBook, belt: Belt | None = None
    ) -> None:
        self._settings, self._book, self._belt = settings, book, belt or TimedBelt()
        self._lanes = {camera: lane for lane in lanes for camera in lane}
        self._runs = {lane[0]: RejectRuns(settings) for lane in self._lanes.values()}
        self._sights = {camera: CameraSight(settings) for camera in self._lanes}
        self._pace = WorkerPace(settings)
        tolerance_ns = int(settings.bin_tolerance_ms * NS_PER_MS)
        self._bin = RejectBin(int(settings.bin_fall_ms * NS_PER_MS), tolerance_ns, self._belt)
        hold_ns, ledger_hold_ns = int(settings.hold_s * NS_PER_S), int(settings.ledger_hold_s * NS_PER_S)
        self._worker, self._gate, self._journal = Lasting(hold_ns), Lasting(hold_ns), Lasting(hold_ns)
        self._ledger, self._belt_unknown = Lasting(ledger_hold_ns), Lasting(hold_ns)
        self._worker_awaited_until_ns: int | None = None

    def decided(self, record: PartRecord, wall_ns: int, place: int | None = None) -> None:
        """A part was decided, and stands so on record. A double trigger or late view is on record, too, and is none.

        `place` is where a belt whose speed may change has it before the gate, in belt time; None where nobody knows.
        """
        if record.camera not in self._lanes or not is_part(record):
            return
        seen_by: Sequence[PartRecord | ViewRecord] = views_of(record) or (record,)
        for view in seen_by:
            if view.camera in self._sights:
                self._sights[view.camera].seen(view.reason, inspected=view.score is not None, detail=view.detail)
        lane = self._lanes[record.camera]
        self._runs[lane[0]].decided(record.accepted)
        self._pace.decided(record.reason)
        if self._settings.bin_sensor and not record.accepted:
            self._await_fall(record, record.gate_ns if self._belt.steady else place)
        self._tell_of_parts(lane, wall_ns)

    def expect_reject(self, part_id: str, gate_ns: int) -> None:
        """The bin's sensor must see it."""
        self._bin.rejected(part_id, gate_ns)

    def derailed(self, now_ns: int) -> None:
        """The belt's places mean something else from now on. What it has cost is decided already."""
        self._bin.derailed(now_ns)

    def challenged(self, record: ChallengeRecord) -> None:
        """A challenge has been decided. One that was rejected for another reason says nothing of one missed before."""
        missed = record.outcome is ChallengeOutcome.MISSED
        if missed or record.outcome is ChallengeOutcome.PASSED:
            at, detail = record.decided_wall_ns, f"{record.frame}{SCORED}{record.score}, model {record.model_version}"
            self._book.signal(table.CHALLENGE_MISSED, record.camera, missed, at, detail)
        unanswered = record.outcome is ChallengeOutcome.UNANSWERED
        why = f"{record.frame}{BLAMED}{record.reason} {record.detail}".strip()
        self._book.signal(table.CHALLENGE_UNANSWERED, record.camera, unanswered, record.decided_wall_ns, why)

    def look(self, conditions: Conditions, now_ns: int, wall_ns: int) -> None:
        """The neighbours, at every turn."""
        book = self._book
        for alarm, lasting, present in (
            (table.WORKER_DOWN, self._worker, self._worker_is_down(conditions.worker_down, now_ns)),
            (table.GATE_DOWN, self._gate, conditions.gate_down),
            (table.JOURNAL_DOWN, self._journal, conditions.journal_down),
            (table.LEDGER_DOWN, self._ledger, conditions.ledger_down),
            (table.BELT_UNKNOWN, self._belt_unknown, conditions.belt_unknown),
        ):
            book.signal(alarm, LINE, lasting.look(present, now_ns), wall_ns)
        if self._settings.bin_sensor:
            self._look_into_the_bin(conditions.bin_reading, now_ns, wall_ns)

    def acknowledge(self, name: str, subject: str, who: str, wall_ns: int) -> bool:
        """An operator has seen the alarm: what it counted is counted anew. False where none such stands."""
        runs = self._runs.get(subject)
        if not self._book.acknowledge(name, subject, who, wall_ns):
            return False
        if runs and name == table.REJECTS_IN_ROW.name:
            runs.forget_row()
        if runs and name == table.REJECTS_IN_WINDOW.name:
            runs.forget_window()
        if runs:
            self._tell_of_parts(self._lanes[subject], wall_ns)
        return True

    def _await_fall(self, record: PartRecord, place: int | None) -> None:
        """What had passed the gate when it was decided is not awaited any more."""
        if place is not None and record.reason is Reason.BELT_UNKNOWN:  # it waited: what its moments say is of no use
            self._bin.rejected(record.part_id, place, record.trigger_ns)
        elif record.decided_ns >= record.gate_ns:
            return
        elif place is not None:
            self._bin.rejected(record.part_id, place, record.trigger_ns)
        else:
            self._bin.unplaced(record.part_id, record.gate_ns - record.trigger_ns, record.decided_ns)

    def _worker_is_down(self, down: bool, now_ns: int) -> bool:
        """A worker that has never been heard is still loading its model, for a time."""
        if self._worker_awaited_until_ns is None:
            self._worker_awaited_until_ns = now_ns + WORKER_STARTS_NS
        if not down:
            self._worker_awaited_until_ns = now_ns
        return down and now_ns > self._worker_awaited_until_ns

    def _tell_of_parts(self, lane: tuple[str, ...], wall_ns: int) -> None:
        settings, book, runs = self._settings, self._book, self._runs[lane[0]]
        in_row = f"{settings.rejects_in_row} in a row"
        in_window = f"{settings.window_rejects} of the last {settings.window_parts}"
        book.signal(table.REJECTS_IN_ROW, lane[0], runs.too_many_in_row, wall_ns, in_row)
        book.signal(table.REJECTS_IN_WINDOW, lane[0], runs.too_many_in_window, wall_ns, in_window)
        for camera in lane:
            sight = self._sights[camera]
            book.signal(table.CAMERA_BLIND, camera, sight.blind, wall_ns, sight.why[:LONGEST_DETAIL])
        share = f"{settings.slow_share:.0%} of the last {settings.slow_parts} parts"
        book.signal(table.WORKER_SLOW, LINE, self._pace.slow, wall_ns, share)

    def _look_into_the_bin(self, reading: BinReading | None, now_ns: int, wall_ns: int) -> None:
        if reading:
            self._bin.heard(reading)
        self._book.signal(table.BIN_FULL, LINE, bool(reading and reading.full), wall_ns)
        lost = self._bin.overdue(now_ns)
        if lost:
            more = f" and {len(lost) - NAMED_PARTS} more" if len(lost) > NAMED_PARTS else ""
            detail = f"part {', '.join(lost[:NAMED_PARTS])}{more}"
            self._book.pulse(table.REJECT_UNCONFIRMED, LINE, wall_ns, detail)


def unpassed_frame(standing: Standing) -> str:
    """The known defect that did not pass, by the name of its picture; empty where none is known."""
    if standing.present and standing.alarm is table.CHALLENGE_MISSED:
        return standing.detail.rpartition(SCORED)[0]
    unanswered = standing.present and standing.alarm is table.CHALLENGE_UNANSWERED
    return standing.detail.partition(BLAMED)[0] if unanswered else ""


def restored(standing: Iterable[Standing], challenged: Collection[str]) -> list[Standing]:
    """What of it goes on in a new process: what waits for a person, and what stops accepting.

    Causes are to be seen anew, but for that of a stop: it lasts until a challenge has passed, of the cameras that are
    `challenged`. Of another camera, such as one that has a new name, none will: its miss ends when a person says so,
    once more even if one had already, and a challenge that nobody answered is no longer of any concern.
    """
    return [_anew(one, one.subject in challenged) for one in standing if one.alarm.outlives_restart]


def _anew(one: Standing, can_pass: bool) -> Standing:
    if one.alarm.effect is not table.Effect.ACCEPTS_STOP:
        return replace(one, present=False)
    left_to_a_person = one.present and not can_pass
    return replace(one, present=one.present and can_pass, acknowledged=one.acknowledged and not left_to_a_person)
