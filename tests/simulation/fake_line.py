"""A capture and an inference station for tests, in the test's own process, over the real bus and a real ring.

The score is read off the frame itself: a defective part is painted bright. So an accept is possible only for a part
whose own frame was read.
"""

import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import numpy as np
import yaml
from msgspec.structs import replace

from line_inspector.bus import Bus
from line_inspector.config import Line
from line_inspector.line_file import read_line_file
from line_inspector.messages import HEAT_SIDE_PX, Announcement, Fault, Health, SlotRef, Trigger, Verdict
from line_inspector.part_record import Reason
from line_inspector.ring import Geometry, RingReader, RingWriter, fingerprint
from line_inspector.streams import ANNOUNCEMENTS, FAULTS, HEALTH, TRIGGERS, VERDICTS
from line_inspector.tracking.gaps import Gap, Gaps

SIDE_PX = 32
INFERENCE_NS = 40_000_000
UNANSWERED, FAULTED, NOT_A_NUMBER = 7, 11, 13  # every so many parts


def write_line_file(folder: Path, gate: dict[str, object] | None = None, **simulation: float) -> Path:
    """A fast line of two cameras: 0.4 s from camera to gate."""
    camera = {"source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 400, "max_rate_hz": 10}
    content = {
        "line": f"test-{time.time_ns():x}",
        "recipe": "disc",
        "data_dir": ".",
        "belt": {"speed_mm_s": 1000},
        "cameras": {"top": camera, "side": camera},
        "decision": {"gate": gate or {"kind": "simulated"}},
        "simulation": {"rate_hz": 25, "defective_share": 0.3, **simulation},
    }
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


class Process:
    """One real process of the line."""

    def __init__(self, module: str, line_file: Path, *options: str) -> None:
        self._command = [sys.executable, "-m", module, str(line_file), *options]
        self.log_path = line_file.with_name(f"{module}.log")
        self._log = self.log_path.open("a")
        self.start()

    def start(self) -> None:
        self.running = subprocess.Popen(self._command, stderr=self._log)

    def kill(self) -> None:
        self.running.send_signal(signal.SIGKILL)
        self.running.wait()

    def stop(self, timeout_s: float = 60) -> int:
        """SIGTERM; the exit code."""
        self.running.terminate()
        return self.running.wait(timeout_s)

    def close(self) -> None:
        if self.running.poll() is None:
            self.kill()
        self._log.close()


class FakeCamera:
    """Announces, paints, writes into the ring; acknowledges a trigger when decision has committed the part."""

    def __init__(self, bus: Bus, line: Line, name: str) -> None:
        self.name, self._line = name, line
        self.ring = RingWriter(line.line, name, Geometry(slots=200, slot_bytes=SIDE_PX * SIDE_PX))
        self._triggers = bus.acked_receiver(TRIGGERS, Trigger, name)
        self._announcements = bus.acked_sender(ANNOUNCEMENTS, f"capture.{name}")
        self._senders: dict[str, bytes] = {}
        self._gaps = Gaps(time.monotonic_ns(), int(line.decision.gate.window_ms * 1e6) + 1)
        self._told: dict[str, Announcement] = {}
        self._done: set[str] = set()

    def turn(self) -> list[tuple[Trigger, SlotRef, int]]:
        """New parts, their slots, and when each was captured."""
        taken = []
        for sender, trigger in self._triggers.drain():
            if trigger.part_id in self._done:
                self._triggers.acknowledge(sender, trigger.part_id)
            elif trigger.part_id not in self._senders:
                self._senders[trigger.part_id] = sender
                taken.append(self._take(trigger))
        if (gap := self._gaps.watched(time.monotonic_ns() - 5_000_000)) is not None:
            self._tell(gap)
            self._gaps.enough()
        for part_id in self._announcements.acknowledged():
            self._done.add(part_id)
            self._triggers.acknowledge(self._senders.pop(part_id), part_id)
        self._announcements.resend(time.monotonic_ns())
        return taken

    def _tell(self, gap: Gap) -> None:
        known = {"free_from_ns": gap.from_ns, "free_until_ns": gap.until_ns, "followed": gap.followed}
        self._told[gap.part_id] = replace(self._told[gap.part_id], **known)
        self._announcements.renew(gap.part_id, self._told[gap.part_id])

    def _take(self, trigger: Trigger) -> tuple[Trigger, SlotRef, int]:
        deadline_ns = trigger.trigger_ns + self._line.deadline_ns(self.name)
        announcement = Announcement(
            part_id=trigger.part_id,
            camera=self.name,
            trigger_ns=trigger.trigger_ns,
            trigger_wall_ns=time.time_ns(),
            deadline_ns=deadline_ns,
            gate_ns=trigger.trigger_ns + self._line.travel_ns(self.name),
        )
        self._told[trigger.part_id] = announcement
        self._announcements.send(trigger.part_id, announcement)
        sighting = self._gaps.trigger(trigger.part_id, trigger.trigger_ns)
        for gap in (sighting.gap, *sighting.ended):
            self._tell(gap)
        now_ns = time.monotonic_ns()
        frame = np.full((SIDE_PX, SIDE_PX), 230 if trigger.scene.defect else 25, np.uint8)
        return trigger, self.ring.write(frame, trigger.part_id, deadline_ns, 0, now_ns), now_ns


class FakeLine:
    """Both cameras and a worker that takes 40 ms for each part, and leaves some unanswered, faulted, or as NaN."""

    def __init__(self, line_file: Path) -> None:
        line = read_line_file(line_file)
        bus = Bus(line.sockets_dir)
        self.line = line
        self.cameras = [FakeCamera(bus, line, name) for name in line.cameras]
        self._reader = RingReader()
        self._verdicts, self._faults = bus.sender(VERDICTS), bus.sender(FAULTS)
        self._health = bus.publisher(HEALTH, "inference")
        self._queue: deque[tuple[Trigger, SlotRef, int]] = deque()
        self._seen = 0

    def turn(self) -> None:
        """One round of everything; call it every few milliseconds."""
        for camera in self.cameras:
            self._queue.extend(camera.turn())
        now_ns = time.monotonic_ns()
        while self._queue and self._queue[0][2] + INFERENCE_NS <= now_ns:
            self._answer(*self._queue.popleft())
        self._health.send(Health(station="inference", pid=0, sent_ns=now_ns, state="serving", counters={}))

    def run_until(self, process: Process, events: list[tuple[float, object]] | None = None) -> int:
        """Turns until the process ends; calls each event's function at its time, in seconds from now. The exit code."""
        pending = deque(events or [])
        start = time.monotonic()
        while process.running.poll() is None:
            self.turn()
            if pending and time.monotonic() - start >= pending[0][0]:
                pending.popleft()[1]()
            time.sleep(0.002)
        assert not pending, "the process ended before every event took place"
        return process.running.returncode

    def close(self) -> None:
        for camera in self.cameras:
            camera.ring.close()

    def _answer(self, trigger: Trigger, slot: SlotRef, captured_ns: int) -> None:
        self._seen += 1
        if self._seen % UNANSWERED == 0:
            return
        if self._seen % FAULTED == 0:
            reason = Reason.SKIPPED_LATE
            self._faults.send(Fault(part_id=trigger.part_id, camera=trigger.camera, reason=reason, detail=""))
            return
        frame = self._reader.copy(slot, trigger.part_id)
        score = float("nan") if self._seen % NOT_A_NUMBER == 0 else float(frame.max()) / 255
        now_ns = time.monotonic_ns()
        verdict = Verdict(
            part_id=trigger.part_id,
            camera=trigger.camera,
            slot=slot,
            score=score,
            threshold=0.5,
            pixel_threshold=0.4,
            model_version="painted",
            fingerprint=fingerprint(frame),
            captured_ns=captured_ns,
            inference_start_ns=now_ns,
            inference_end_ns=now_ns,
            heat=bytes(HEAT_SIDE_PX * HEAT_SIDE_PX),
        )
        self._verdicts.send(verdict)
