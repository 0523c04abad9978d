"""The line's conditions, from what is decided and what its neighbours say, as signals into the book of alarms."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from line_inspector.actuators.gate import BinReading
from line_inspector.alarms import table
from line_inspector.alarms.book import LINE, AlarmBook, Standing
from line_inspector.alarms.lasting import Lasting
from line_inspector.alarms.part_runs import CameraRuns, WorkerPace
from line_inspector.alarms.reject_bin import RejectBin
from line_inspector.config import NS_PER_MS, NS_PER_S, AlarmSettings
from line_inspector.messages import ChallengeOutcome, ChallengeRecord, PartRecord

NAMED_PARTS = 3
WORKER_STARTS_NS = 30 * NS_PER_S


@dataclass(frozen=True)
class Conditions:
    """What decision knows of its neighbours at one moment."""

    worker_down: bool
    gate_down: bool
    journal_down: bool
    ledger_down: bool
    bin_reading: BinReading | None


class LineWatch:
    """Tells `book` of every cause that comes and goes. Times are monotonic, but for the wall clock of the record."""

    def __init__(self, settings: AlarmSettings, cameras: Iterable[str], book: AlarmBook) -> None:
        self._settings, self._book = settings, book
        self._cameras = {camera: CameraRuns(settings) for camera in cameras}
        self._pace = WorkerPace(settings)
        tolerance_ns = int(settings.bin_tolerance_ms * NS_PER_MS)
        self._bin = RejectBin(int(settings.bin_fall_ms * NS_PER_MS), tolerance_ns)
        hold_ns, ledger_hold_ns = int(settings.hold_s * NS_PER_S), int(settings.ledger_hold_s * NS_PER_S)
        self._worker, self._gate, self._journal = Lasting(hold_ns), Lasting(hold_ns), Lasting(hold_ns)
        self._ledger = Lasting(ledger_hold_ns)
        self._worker_awaited_until_ns: int | None = None

    def decided(self, record: PartRecord, wall_ns: int) -> None:
        """A part was decided, and stands so on record."""
        runs = self._cameras.get(record.camera)
        if runs is None:
            return
        runs.decided(record.accepted, record.reason, inspected=record.score is not None)
        self._pace.decided(record.reason)
        if self._settings.bin_sensor and not record.accepted and record.decided_ns < record.gate_ns:
            self._bin.rejected(record.part_id, record.gate_ns)
        self._tell_of_parts(record.camera, runs, wall_ns)

    def expect_reject(self, part_id: str, gate_ns: int) -> None:
        """The bin's sensor must see it."""
        self._bin.rejected(part_id, gate_ns)

    def challenged(self, record: ChallengeRecord) -> None:
        """A challenge has been decided. One that was rejected for another reason says nothing of one missed before."""
        missed = record.outcome is ChallengeOutcome.MISSED
        if missed or record.outcome is ChallengeOutcome.PASSED:
            at, detail = record.decided_wall_ns, f"{record.frame}, score {record.score}, model {record.model_version}"
            self._book.signal(table.CHALLENGE_MISSED, record.camera, missed, at, detail)
        unanswered = record.outcome is ChallengeOutcome.UNANSWERED
        why = f"{record.frame}, {record.reason} {record.detail}".strip()
        self._book.signal(table.CHALLENGE_UNANSWERED, record.camera, unanswered, record.decided_wall_ns, why)

    def look(self, conditions: Conditions, now_ns: int, wall_ns: int) -> None:
        """The neighbours, at every turn."""
        book = self._book
        for alarm, lasting, present in (
            (table.WORKER_DOWN, self._worker, self._worker_is_down(conditions.worker_down, now_ns)),
            (table.GATE_DOWN, self._gate, conditions.gate_down),
            (table.JOURNAL_DOWN, self._journal, conditions.journal_down),
            (table.LEDGER_DOWN, self._ledger, conditions.ledger_down),
        ):
            book.signal(alarm, LINE, lasting.look(present, now_ns), wall_ns)
        if self._settings.bin_sensor:
            self._look_into_the_bin(conditions.bin_reading, now_ns, wall_ns)

    def acknowledge(self, name: str, subject: str, who: str, wall_ns: int) -> bool:
        """An operator has seen the alarm: what it counted is counted anew. False where none such stands."""
        runs = self._cameras.get(subject)
        if not self._book.acknowledge(name, subject, who, wall_ns):
            return False
        if runs and name == table.REJECTS_IN_ROW.name:
            runs.forget_row()
        if runs and name == table.REJECTS_IN_WINDOW.name:
            runs.forget_window()
        if runs:
            self._tell_of_parts(subject, runs, wall_ns)
        return True

    def _worker_is_down(self, down: bool, now_ns: int) -> bool:
        """A worker that has never been heard is still loading its model, for a time."""
        if self._worker_awaited_until_ns is None:
            self._worker_awaited_until_ns = now_ns + WORKER_STARTS_NS
        if not down:
            self._worker_awaited_until_ns = now_ns
        return down and now_ns > self._worker_awaited_until_ns

    def _tell_of_parts(self, camera: str, runs: CameraRuns, wall_ns: int) -> None:
        settings, book = self._settings, self._book
        in_row = f"{settings.rejects_in_row} in a row"
        in_window = f"{settings.window_rejects} of the last {settings.window_parts}"
        book.signal(table.REJECTS_IN_ROW, camera, runs.too_many_in_row, wall_ns, in_row)
        book.signal(table.REJECTS_IN_WINDOW, camera, runs.too_many_in_window, wall_ns, in_window)
        book.signal(table.CAMERA_BLIND, camera, runs.blind, wall_ns)
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


def restored(standing: Iterable[Standing], cameras: Iterable[str], *, challenged: bool) -> list[Standing]:
    """What of it goes on in a new process: alarms that wait for a person, of cameras that the line still has.

    Their causes are to be seen anew; only a missed challenge lasts until another has passed, if the line still is
    `challenged`.
    """
    subjects = {LINE, *cameras}
    return [
        replace(one, present=one.present and challenged and one.alarm is table.CHALLENGE_MISSED)
        for one in standing
        if one.alarm.latching and one.subject in subjects
    ]
