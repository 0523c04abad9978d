"""When parts come: a camera's stretch of the conveyor, from its trigger to the gate."""

import random
from collections import deque
from dataclasses import dataclass

from line_inspector.simulation.scenes import Subject

STANDSTILL_NS = 1_000_000_000  # a world that was stopped for longer than this has had a belt that stood still


@dataclass(frozen=True)
class Part:
    """One physical part: what it is, when it passes its camera, and when it is before the gate."""

    part_id: str
    camera: str
    subject: Subject
    trigger_ns: int
    gate_ns: int


class Spacing:
    """Times of triggers, `rate_hz` on average; each gap varies uniformly by the share `jitter`."""

    def __init__(self, rate_hz: float, jitter: float, start_ns: int, rng: random.Random) -> None:
        self._mean_ns = 1e9 / rate_hz
        self._jitter = jitter
        self._rng = rng
        self.next_ns = start_ns

    def advance(self, now_ns: int) -> int:
        """The time of the trigger that is due, and goes on to the next one."""
        due_ns = self.next_ns if now_ns - self.next_ns < STANDSTILL_NS else now_ns
        self.next_ns = due_ns + int(self._mean_ns * (1 + self._rng.uniform(-self._jitter, self._jitter)))
        return due_ns


class Belt:
    """The parts between one camera and the gate, in order."""

    def __init__(self, camera: str, run: str, travel_ns: int, spacing: Spacing) -> None:
        self.camera = camera
        self._run = run
        self._travel_ns = travel_ns
        self._spacing = spacing
        self._number = 0
        self._parts: deque[Part] = deque()

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def next_trigger_ns(self) -> int:
        """When the next part passes the camera."""
        return self._spacing.next_ns

    @property
    def next_gate_ns(self) -> int | None:
        """When the next part is before the gate."""
        return self._parts[0].gate_ns if self._parts else None

    def trigger(self, subject: Subject, now_ns: int) -> Part:
        """Puts the part that is due before the camera. `now_ns` is at or after `next_trigger_ns`."""
        trigger_ns = self._spacing.advance(now_ns)
        self._number += 1
        part = Part(
            part_id=f"{self.camera}-{self._run}-{self._number:06d}",
            camera=self.camera,
            subject=subject,
            trigger_ns=trigger_ns,
            gate_ns=trigger_ns + self._travel_ns,
        )
        self._parts.append(part)
        return part

    def at_gate(self, now_ns: int) -> list[Part]:
        """Takes every part off the belt that has been before the gate by now, oldest first."""
        passed: list[Part] = []
        while self._parts and self._parts[0].gate_ns <= now_ns:
            passed.append(self._parts.popleft())
        return passed
