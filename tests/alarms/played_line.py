"""Decision as a real process; camera, worker, gate, bin sensor and operator are played over the real bus."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select

from line_inspector.bus import Bus
from line_inspector.line_file import read_line_file
from line_inspector.messages import (
    HEAT_SIDE_PX,
    AcceptPart,
    AlarmAcknowledgement,
    AlarmsStanding,
    Announcement,
    BinCount,
    ChallengeRequest,
    Fault,
    Health,
    Heartbeat,
    LoopBack,
    SlotRef,
    Verdict,
)
from line_inspector.part_record import Reason
from line_inspector.records.reading import reading
from line_inspector.records.schema import audit
from line_inspector.streams import (
    ACCEPTS,
    ACKNOWLEDGEMENTS,
    ALARMS,
    ANNOUNCEMENTS,
    BIN,
    CHALLENGES,
    FAULTS,
    HEALTH,
    HEARTBEAT,
    LOOP_BACK,
    VERDICTS,
)

CAMERA = {"source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 400, "max_rate_hz": 10}
PATIENCE_S = 15
GAP_NS = 40_000_000  # between parts, so that each gets a window, also at a PLC


class PlayedLine:
    """One camera, 0.4 s from its gate."""

    def __init__(self, folder: Path, gate: dict[str, object] | None = None, **sections: Any) -> None:
        alarms = {"rejects_in_row": 4, "window_parts": 20, "window_rejects": 10, "hold_s": 0.3, "ledger_hold_s": 0.3}
        document: dict[str, Any] = {
            "line": f"test-{time.time_ns():x}",
            "recipe": "disc",
            "data_dir": ".",
            "belt": {"speed_mm_s": 1000},
            "cameras": {"top": CAMERA},
            "decision": {"gate": gate or {"kind": "simulated"}},
            **sections,
        }
        document["alarms"] = {**alarms, **sections.get("alarms", {})}
        self.path = folder / "line.yaml"
        self.path.write_text(yaml.safe_dump(document))
        self.line = read_line_file(self.path)
        bus = Bus(self.line.sockets_dir)
        self._announcements = bus.acked_sender(ANNOUNCEMENTS, "capture.top")
        self._verdicts, self._faults = bus.sender(VERDICTS), bus.sender(FAULTS)
        self._health, self._bin = bus.publisher(HEALTH, "inference"), bus.publisher(BIN)
        self._accepts = bus.acked_receiver(ACCEPTS, AcceptPart)
        self._heartbeats = bus.subscriber(HEARTBEAT, Heartbeat)
        self._alarms = bus.subscriber(ALARMS, AlarmsStanding)
        self._operator = bus.sender(ACKNOWLEDGEMENTS)
        self.camera = "top"
        self._challenges = bus.receiver(CHALLENGES, ChallengeRequest, self.camera)
        self.challenge_score: float | None = 0.9
        self.challenge_fault: Reason | None = None
        self.challenged: list[str] = []
        self._loop_back = bus.receiver(LOOP_BACK, LoopBack)
        self.looped_back: list[LoopBack] = []
        self.takes_challenges = True
        self._number = self._counted = self._last_part_ns = 0
        self._full = False
        self.worker_lives, self.version = True, "v1"
        self.stop_requested = False
        self.shown: AlarmsStanding | None = None
        self.accepted: set[str] = set()
        self.start()

    def start(self) -> None:
        self._log = self.path.with_name("decision.log").open("a")
        command = [sys.executable, "-m", "stations.decision", str(self.path)]
        self.decision = subprocess.Popen(command, stderr=self._log)
        self.shown, self._started_ns = None, time.monotonic_ns()
        self.until(lambda: self.shown is not None)

    def restart(self) -> None:
        """kill -9, and a new process."""
        self.decision.kill()
        self.decision.wait()
        self.start()

    def rename_camera(self, name: str) -> None:
        """The camera gets another name in the line file, and the line is started again."""
        self.stop()
        document = yaml.safe_load(self.path.read_text())
        document["cameras"] = {name: document["cameras"][self.camera]}
        if "challenge" in document:
            folder = self.line.known_defects_dir(self.camera)
            folder.rename(folder.with_name(name))
        self.path.write_text(yaml.safe_dump(document))
        self.line, self.camera = read_line_file(self.path), name
        self._challenges.close()
        self._challenges = Bus(self.line.sockets_dir).receiver(CHALLENGES, ChallengeRequest, name)
        self.start()

    def turn(self) -> None:
        now_ns = time.monotonic_ns()
        if self.worker_lives:
            self._health.send(Health(station="inference", pid=0, sent_ns=now_ns, state="serving", counters={}))
        self._bin.send(BinCount(run=7, count=self._counted, seen_ns=now_ns, full=self._full))
        self._announcements.acknowledged()
        self._announcements.resend(now_ns)
        for sender, accept in self._accepts.drain():
            self.accepted.add(accept.part_id)
            self._accepts.acknowledge(sender, accept.part_id)
        for heartbeat in self._heartbeats.drain():
            self.stop_requested = heartbeat.stop_requested
        for shown in self._alarms.drain():
            if shown.sent_ns > self._started_ns:
                self.shown = shown
        self.looped_back += self._loop_back.drain()
        for request in self._challenges.drain():
            if self.takes_challenges:
                self.challenged.append(request.frame)
                self._announce(request.part_id, now_ns)
                self._answer(request.part_id, self.challenge_score, self.challenge_fault)
        time.sleep(0.005)

    def until(self, done: Callable[[], object]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < end_s, (
                f"shown: {self.shown}; log: {self.path.with_name('decision.log').read_text()}"
            )
            self.turn()

    def run(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.turn()

    def part(self, score: float | None = 0.1, reason: Reason | None = None, detail: str = "") -> str:
        """Announces a part and answers for it, with a score or a fault; its id."""
        while time.monotonic_ns() < self._last_part_ns + GAP_NS:
            self.turn()
        self._number += 1
        part_id = f"{self.camera}-{time.time_ns():x}-{self._number:06d}"
        self._last_part_ns = time.monotonic_ns()
        self._announce(part_id, self._last_part_ns)
        self._answer(part_id, score, reason, detail)
        return part_id

    def _announce(self, part_id: str, now_ns: int) -> None:
        self._announcements.send(
            part_id,
            Announcement(
                part_id=part_id,
                camera=self.camera,
                trigger_ns=now_ns,
                trigger_wall_ns=time.time_ns(),
                deadline_ns=now_ns + self.line.deadline_ns(self.camera),
                gate_ns=now_ns + self.line.travel_ns(self.camera),
                free_from_ns=now_ns - GAP_NS,
                free_until_ns=now_ns + GAP_NS,
                followed=True,
            ),
        )

    def _answer(self, part_id: str, score: float | None, reason: Reason | None, detail: str = "") -> None:
        """Insists: after a restart of decision the connections have to form again."""
        if reason:
            fault = Fault(part_id=part_id, camera=self.camera, reason=reason, detail=detail)
            self._insist(lambda: self._faults.send(fault))
        elif score is not None:
            said = verdict(part_id, self.camera, score, self.version)
            self._insist(lambda: self._verdicts.send(said))

    def _insist(self, sent: Callable[[], bool]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not sent():
            assert time.monotonic() < end_s, "decision does not listen"
            time.sleep(0.001)

    def parts(self, count: int, score: float | None = 0.1, reason: Reason | None = None) -> list[str]:
        return [self.part(score, reason) for _ in range(count)]

    def fall(self, count: int = 1) -> None:
        """The sensor sees so many parts fall into the reject bin."""
        self._counted += count

    def fill_bin(self, full: bool = True) -> None:
        self._full = full

    def names(self) -> set[str]:
        """The alarms that are shown."""
        return {one.name for one in self.shown.alarms} if self.shown else set()

    def acknowledge(self, name: str, subject: str = "", who: str = "Ann") -> None:
        said = AlarmAcknowledgement(name=name, subject=subject, who=who)
        self._insist(lambda: self._operator.send(said))

    def audited(self) -> list[tuple[str, str, str]]:
        """(Action, subject, who) of every row about alarms, in order."""
        with reading(self.line.ledger_url) as connection:
            rows = connection.execute(select(audit).order_by(audit.c.number)).mappings()
            return [(r["action"], r["subject"], r["who"]) for r in rows if r["action"].startswith("alarm.")]

    def stop(self) -> None:
        """SIGTERM, and everything is in the ledger."""
        self.decision.send_signal(signal.SIGTERM)
        assert self.decision.wait(30) == 0

    def close(self) -> None:
        if self.decision.poll() is None:
            self.decision.kill()
            self.decision.wait()
        self._log.close()
        for end in (
            self._announcements,
            self._verdicts,
            self._faults,
            self._health,
            self._bin,
            self._accepts,
            self._challenges,
        ):
            end.close()
        for end in (self._heartbeats, self._alarms, self._operator, self._loop_back):
            end.close()


def verdict(part_id: str, camera: str, score: float, version: str = "v1") -> Verdict:
    now_ns = time.monotonic_ns()
    return Verdict(
        part_id=part_id,
        camera=camera,
        slot=SlotRef(ring="none", slot=0, generation=2),
        score=score,
        threshold=0.5,
        pixel_threshold=0.4,
        model_version=version,
        fingerprint=1,
        captured_ns=now_ns,
        inference_start_ns=now_ns,
        inference_end_ns=now_ns,
        heat=bytes(HEAT_SIDE_PX**2),
    )
