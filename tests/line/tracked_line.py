"""A line of processes on a belt that changes its speed: world, captures, decision, encoder. The worker is the test's.

The worker reads its verdict off the part's very frame: that of a defective part is painted bright.
"""

import time
from collections import deque
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from loopback import free_port
from sqlalchemy import select

from line_inspector.bus import Bus
from line_inspector.line_file import read_line_file
from line_inspector.messages import HEAT_SIDE_PX, FrameReady, Health, Verdict
from line_inspector.part_record import PartRecord
from line_inspector.records.reading import read_parts, reading
from line_inspector.records.schema import audit
from line_inspector.ring import RingReader, fingerprint
from line_inspector.simulation.record import BinnedPart, read_world_record
from line_inspector.streams import FRAMES, HEALTH, VERDICTS
from line_inspector.supervisor import Supervised, Supervisor

INFERENCE_NS = 30_000_000


def painted_parts(folder: Path) -> Path:
    """A data set of striped pictures: dark for good parts, bright for defective ones, no two alike."""
    stripes = np.tile(np.arange(8, dtype=np.uint8).repeat(8)[:, None, None], (1, 64, 3))  # one grey would be blindness
    for kind, grey in (("good", 20), ("dent", 210)):
        (folder / "test" / kind).mkdir(parents=True)
        for number in range(30):
            cv2.imwrite(str(folder / "test" / kind / f"{number:03d}.png"), stripes + np.uint8(grey + number))
    return folder


class TrackedLine:
    """The line, and the worker within the test. `world` is what the section simulation says besides."""

    def __init__(
        self,
        folder: Path,
        gate: dict[str, object],
        encoder: dict[str, object],
        world: dict[str, object],
        **sections: Any,
    ) -> None:
        camera = {
            "source": {"kind": "folder"},
            "trigger": {"kind": "line"},
            "part": "disc",
            "part_length_mm": 2,
            "max_rate_hz": 8,
            "max_width_px": 64,
            "max_height_px": 64,
        }
        document = {
            "line": f"track-{time.time_ns() % 10**9:x}",
            "recipe": "disc",
            "data_dir": "d",
            "belt": {"speed_mm_s": 500, "encoder": {"mm_per_count": 0.1, **encoder}},
            "cameras": {"top": camera | {"to_gate_mm": 300}, "side": camera | {"to_gate_mm": 330}},
            "decision": {"gate": gate},
            "overlay": {"port": 0},
            "simulation": {
                "rate_hz": 5,
                "defective_share": 0.4,
                "images": str(painted_parts(folder / "parts")),
                "speed_change_s": 1.5,
                "least_speed": 0.4,
                "seed": 3,
                **world,
            },
            **sections,
        }
        self.path, self.log_path = folder / "line.yaml", folder / "line.log"
        self.path.write_text(yaml.safe_dump(document, sort_keys=False))
        self.line = read_line_file(self.path)
        self.supervisor = Supervisor(self.line, self.path, with_world=False, log_file=self.log_path)
        tracking = ("capture", "decision", "encoder")
        self.supervisor.processes = [p for p in self.supervisor.processes if p.name.startswith(tracking)]
        bus = Bus(self.line.sockets_dir)
        self._frames, self._verdicts = bus.receiver(FRAMES, FrameReady), bus.sender(VERDICTS)
        self._health, self._reader = bus.publisher(HEALTH, "inference"), RingReader()
        self._queue: deque[tuple[int, FrameReady]] = deque()
        self.world: Supervised | None = None

    def run(self, seconds: float) -> None:
        """Parts come for so many seconds; returns when the world has settled."""
        self.supervisor.tend()
        end_s = time.monotonic() + 2
        while time.monotonic() < end_s:  # decision and captures start
            self._turn()
        self.world = self.supervisor.start_world(self.path, "--seconds", str(seconds))
        assert self.world.process
        end_s = time.monotonic() + seconds + 60
        while self.world.process.poll() is None:
            assert time.monotonic() < end_s, self.log()
            self._turn()
        assert self.world.process.returncode == 0, self.log()
        assert "never acknowledged" not in self.log_path.read_text()

    def _turn(self) -> None:
        now_ns = time.monotonic_ns()
        self._health.send(Health(station="inference", pid=0, sent_ns=now_ns, state="serving", counters={}))
        self._queue.extend((now_ns, ready) for ready in self._frames.drain())
        while self._queue and self._queue[0][0] + INFERENCE_NS <= now_ns:
            self._answer(self._queue.popleft()[1])
        self.supervisor.tend()
        time.sleep(0.003)

    def _answer(self, ready: FrameReady) -> None:
        frame, now_ns = self._reader.copy(ready.slot, ready.part_id), time.monotonic_ns()
        verdict = Verdict(
            part_id=ready.part_id,
            camera=ready.camera,
            slot=ready.slot,
            score=float(frame.max()) / 255,
            threshold=0.5,
            pixel_threshold=0.4,
            model_version="painted",
            fingerprint=fingerprint(frame),
            captured_ns=ready.captured_ns,
            inference_start_ns=now_ns,
            inference_end_ns=now_ns,
            heat=bytes(HEAT_SIDE_PX * HEAT_SIDE_PX),
        )
        self._verdicts.send(verdict)

    @property
    def parts(self) -> list[BinnedPart]:
        return list(read_world_record(self.line.world_record_path))

    @property
    def rows(self) -> dict[str, PartRecord]:
        return {row.part_id: row for row in read_parts(self.line.ledger_url)}

    @property
    def raised(self) -> list[str]:
        """The alarms that were raised, by the ledger."""
        with reading(self.line.ledger_url) as connection:
            subjects = connection.execute(select(audit.c.subject).where(audit.c.action == "alarm.raise")).scalars()
            return [subject.split()[0] for subject in subjects]

    def log(self) -> str:
        return self.log_path.read_text()[-6000:]

    def close(self) -> None:
        self.supervisor.stop([self.world] if self.world else [])


def gate_of(kind: str) -> dict[str, object]:
    where = {"modbus": {"host": "127.0.0.1", "port": free_port()}, "simulated": {}}
    return {"kind": kind, "window_ms": 100, "heartbeat_timeout_ms": 400, **where[kind]}


def encoder_of(kind: str) -> dict[str, object]:
    """Counted by the world itself, or by the station encoder, which reads the world's server."""
    modbus = {"kind": "modbus", "host": "127.0.0.1", "port": free_port(), "address": 10}
    return {"source": modbus} if kind == "modbus" else {}
