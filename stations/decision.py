"""Decides every announced part by its deadline, drives the gate, and keeps the record of it."""

import argparse
import time

from msgspec.structs import replace

from line_inspector import runtime
from line_inspector.actuators import build_gate
from line_inspector.alarms.challenge_desk import ChallengeDesk
from line_inspector.alarms.desk import AlarmDesk
from line_inspector.alarms.watch import Conditions
from line_inspector.challenge_record import is_challenge
from line_inspector.decision.liveness import Liveness
from line_inspector.decision.parts import Decision, PartBook
from line_inspector.decision.receipts import Receipts
from line_inspector.decision.results import results_of
from line_inspector.decision.slots import Slots
from line_inspector.heap import keep_large_blocks_apart
from line_inspector.messages import Announcement, Encoder, Fault, FrameReady, Health, Verdict
from line_inspector.part_record import PartRecord, Reason, view_ids
from line_inspector.records.archive import Archive
from line_inspector.records.journal import Journal
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.outage import Outage
from line_inspector.records.retention import Retention
from line_inspector.runtime import SERVING
from line_inspector.streams import ANNOUNCEMENTS, ENCODER, FAULTS, HEALTH, RESULTS, SHOTS, VERDICTS
from line_inspector.tracking.belt import TimedBelt
from line_inspector.tracking.encoded_belt import EncodedBelt
from line_inspector.tracking.window import Reach

OUTAGE_REMEDY = "No part is accepted. Free space on that disk"
LAST_IMAGES_S = 2.0
LAST_SWEEP_S = 0.5
LAST_COMMIT_S = 3.0
ORPHAN_GRACE_S = 4.0  # capture, as it leaves, waits 3 s for the acknowledgement of its last parts


def serve(station: runtime.Station, _arguments: argparse.Namespace) -> None:
    """Runs until told to stop; the gate is left at reject however this ends."""
    keep_large_blocks_apart()  # the tables of parts that are decided are made anew every few minutes
    decision = DecisionStation(station)
    try:
        for now_ns in station.turns(decision.wake_ns):
            decision.turn(now_ns)
    finally:
        decision.close()


class ThreadEnded(Exception):
    """Ledger or archive no longer write, or the gate is no longer driven; the station must be started again."""


class DecisionStation:
    """The open parts, the gate and the records, and the sockets around them.

    Of each decision the journal hears first, then the gate, then everybody else: an accept that is not on record
    never reaches the gate. Capture is acknowledged only when the ledger has committed the part.
    """

    def __init__(self, station: runtime.Station) -> None:
        line, bus, now_ns = station.line, station.bus, time.monotonic_ns()
        self._station = station
        self._journal = Journal(line.journal_path)
        self._outage = Outage("decision", f"journal {line.journal_path} cannot be written", OUTAGE_REMEDY)
        self._ledger = LedgerWriter(line.ledger_url, line.changes_path)
        self._ledger.submit_settings(line.settings)
        self._archive = Archive(
            line.archive_dir,
            self._ledger,
            line.records.accept_sample,
            line.records.archive_queue,
            min_free_mb=line.records.archive_min_free_mb,
        )
        self._retention = Retention(line.archive_dir, line.ledger_url, line.records)
        longest_ns = max(line.deadline_ns(camera) for camera in line.cameras)
        recovered = self._journal.recovered
        self._views = {record.part_id: view_ids(record) for record in recovered if record.views}
        decided = [part_id for record in recovered for part_id in view_ids(record)]
        self._belt = EncodedBelt(line.belt.ns_per_count, ENCODER.dead_after_ns) if line.belt.encoder else TimedBelt()
        reach = Reach.of(line.decision.gate)
        self._vaguest_ns = reach.vaguest_ns
        self._book = PartBook(reach, longest_ns, now_ns, decided, self._belt, line.lanes)
        self._book.recovered(recovered)
        self._receipts = Receipts(keep_ns=longest_ns)
        self._worker = Liveness(HEALTH, now_ns)
        self._gate = build_gate(line.decision.gate, bus, line.cameras)
        self._encoder = bus.subscriber(ENCODER, Encoder) if line.belt.encoder else None
        self._alarms = AlarmDesk(line, bus, self._ledger, self._belt)
        self._challenges = ChallengeDesk(line, bus, self._alarms, now_ns)
        self._announcements = bus.acked_receiver(ANNOUNCEMENTS, Announcement)
        self._shots = bus.receiver(SHOTS, FrameReady)
        self._slots = Slots()
        self._verdicts = bus.receiver(VERDICTS, Verdict)
        self._faults = bus.receiver(FAULTS, Fault)
        self._health = bus.subscriber(HEALTH, Health, ("inference",))
        self._results = bus.publisher(RESULTS)
        for receiver in (self._announcements, self._verdicts, self._faults, self._health, self._alarms):
            station.watch(receiver.socket)
        if self._encoder:
            station.watch(self._encoder.socket)
        for record in recovered:
            self._ledger.submit(record)
        station.counters["recovered"] = len(recovered)
        station.counts_by(self._count)

    def wake_ns(self) -> int:
        """When the next part or heartbeat is due."""
        return min(self._book.next_deadline_ns(), self._gate.next_beat_ns())

    def turn(self, now_ns: int) -> None:
        """Takes what has arrived and carries out every decision that is due."""
        prepared = self._worker.alive(now_ns) and not self._outage.lasting and not self._alarms.accepts_stopped
        self._gate.beat(now_ns, prepared, self._alarms.stop_requested)
        for health in self._health.drain():
            if health.state == SERVING:
                self._worker.seen(health.sent_ns)
        for reading in self._encoder.drain() if self._encoder else ():
            self._moved(reading)
        self._recall_if_endangered()
        for shot in self._shots.drain():
            self._slots.note(shot)
        for verdict in self._verdicts.drain():
            if is_challenge(verdict.part_id):
                self._challenges.answered(verdict, time.monotonic_ns())
            else:
                self._carry_out(self._book.verdict(verdict, time.monotonic_ns()))
        for fault in self._faults.drain():
            if is_challenge(fault.part_id):
                self._challenges.answered(fault, time.monotonic_ns())
            else:
                self._carry_out(self._book.fault(fault, time.monotonic_ns()))
        for sender, announcement in self._announcements.drain():
            self._announced(sender, announcement)
        if self._book.mistrusts_count():  # before an accept that is due now goes out
            self._derail("a part came while the encoder's count stood")
        now_ns = time.monotonic_ns()
        self._carry_out(self._book.expire(now_ns, self._worker.dead(now_ns)))
        self._recall_if_endangered()  # by what was announced just now: the next turn may come 50 ms later
        self._settle(now_ns)
        self._challenges.turn(self._book.unanswered, self._worker.alive(now_ns), now_ns)
        self._alarms.turn(self._conditions(now_ns), now_ns)
        if not (self._ledger.alive and self._archive.alive and self._gate.alive):
            raise ThreadEnded("a thread of the records or of the gate has ended; its reason stands in the log")

    def close(self) -> None:
        """Drives the gate safe, rejects what waits, lets the ledger take what it can; the journal keeps the rest."""
        self._gate.safe()
        self._carry_out(self._book.abandon(time.monotonic_ns()))
        self._retention.close(LAST_SWEEP_S)
        self._archive.close(LAST_IMAGES_S)
        self._ledger.close(LAST_COMMIT_S)
        self._settle(time.monotonic_ns())
        self._journal.close()

    def _recall_if_endangered(self) -> None:
        if self._book.endangered(time.monotonic_ns()):
            self._station.counters["recalls"] += 1
            self._gate.recall()

    def _announced(self, sender: bytes, announcement: Announcement) -> None:
        if is_challenge(announcement.part_id):  # no part: nothing that must not be lost, and nothing for the gate
            self._announcements.acknowledge(sender, announcement.part_id)
            self._challenges.announced(announcement, time.monotonic_ns())
            return
        if self._receipts.announced(announcement.part_id, sender):
            self._announcements.acknowledge(sender, announcement.part_id)
            return
        self._carry_out(self._book.announce(announcement, time.monotonic_ns()))

    def _moved(self, reading: Encoder) -> None:
        if reading.uncertain_ns > self._vaguest_ns:
            self._station.counters["vague_readings"] += 1
            return
        if isinstance(self._belt, EncodedBelt) and not self._belt.read(
            reading.count, reading.read_ns, reading.uncertain_ns
        ):
            self._derail("the encoder counts anew")

    def _derail(self, why: str) -> None:
        self._station.log.error("%s: parts on the belt are lost, and rejected", why)
        self._carry_out(self._book.derailed(time.monotonic_ns(), why))
        self._alarms.derailed(time.monotonic_ns())
        self._gate.recall()

    def _carry_out(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            record = self._journaled(self._passable(decision.record))
            if record.accepted:
                self._gate.accept(record.part_id, record.camera, decision.window_start_ns, decision.window_end_ns)
            slots = self._slots.take(decision.views)
            if record.views:
                self._views[record.part_id] = decision.views
            verdict = decision.verdict
            slot, heat = (verdict.slot, verdict.heat) if verdict else (slots.get(decision.shown), b"")
            for result in results_of(decision, record, slots):
                self._results.send(result)
            self._ledger.submit(record)
            self._archive.offer(record, slot, heat, decision.shown)
            self._tally(record)
            self._alarms.decided(record, decision.place)
            self._challenges.decided(record)

    def _conditions(self, now_ns: int) -> Conditions:
        return Conditions(
            worker_down=not self._worker.alive(now_ns),
            gate_down=not self._gate.accepting,
            journal_down=self._outage.lasting,
            ledger_down=self._ledger.down,
            belt_unknown=bool(self._belt.unknown(now_ns)),
            bin_reading=self._gate.bin_reading,
        )

    def _passable(self, record: PartRecord) -> PartRecord:
        """The record as it stands while the gate takes no accepts, or an alarm has stopped them: it does not pass."""
        if record.accepted and self._alarms.accepts_stopped:
            detail = ", ".join(self._alarms.accepts_stopped)
            return replace(record, accepted=False, reason=Reason.ACCEPTS_STOPPED, detail=detail)
        if record.accepted and not self._gate.accepting:
            return replace(record, accepted=False, reason=Reason.GATE_DOWN)
        return record

    def _journaled(self, record: PartRecord) -> PartRecord:
        """The record as it stands after the journal has it, or could not take it: then the part is not accepted."""
        try:
            self._journal.append(record)
        except OSError as e:
            self._outage.begin(e.strerror)
            self._station.counters["journal_failures"] += 1
            if record.accepted:
                return replace(record, accepted=False, reason=Reason.JOURNAL_DOWN, detail=str(e))
        else:
            self._outage.end()
        return record

    def _settle(self, now_ns: int) -> None:
        for recorded in self._ledger.committed():
            for part_id in self._views.pop(recorded, (recorded,)):
                self._book.committed(part_id)
                sender = self._receipts.committed(part_id, now_ns)
                if sender is not None:
                    self._announcements.acknowledge(sender, part_id)
        self._journal.retire(self._receipts.served(now_ns))

    def _tally(self, record: PartRecord) -> None:
        counters = self._station.counters
        if record.reason is Reason.LATE_VIEW:
            counters["late_views"] += 1  # its part was counted when it was decided
            return
        counters["accepted" if record.accepted else "rejected"] += 1
        counters[f"reason.{record.reason}"] += 1
        if record.decided_ns > record.deadline_ns:
            counters["late_decisions"] += 1

    def _count(self) -> None:
        counters = self._station.counters
        counters["open"] = len(self._book)
        counters["announced"] = self._book.announced
        counters["unacknowledged"] = len(self._receipts)
        counters["uncommitted"] = self._ledger.pending
        counters.update(self._archive.counters())
        counters.update(self._retention.counters())
        counters.update(self._alarms.counters())
        counters["refused"] = (
            self._announcements.refused
            + self._shots.refused
            + self._verdicts.refused
            + self._faults.refused
            + self._health.refused
            + self._alarms.refused
            + (self._encoder.refused if self._encoder else 0)
        )


if __name__ == "__main__":
    runtime.main("decision", serve, orphan_grace_s=ORPHAN_GRACE_S)
