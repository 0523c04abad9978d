"""When parts come: a stretch of the conveyor, past its cameras to the gate."""

import random
from collections import deque
from dataclasses import dataclass, field

from line_inspector.simulation.conveyor import Conveyor, SteadyConveyor
from line_inspector.simulation.scenes import Subject

STANDSTILL_NS = 1_000_000_000  # a world that was stopped for longer than this has had a belt that stood still
MISSING_PARTS = 5  # before a part that comes after a gap


@dataclass(frozen=True)
class Part:
    """One physical part: what it is, when it passes its first camera, and when it is before the gate."""

    part_id: str
    camera: str
    subject: Subject
    trigger_ns: int
    gate_ns: int
    triggers: list[str] = field(default_factory=list, compare=False)  # ids of all that were sent for it


@dataclass(frozen=True)
class Faults:
    """Which share of parts comes close to the one before (`touching_ns` of belt time behind it), or after a gap."""

    touching_share: float = 0.0
    touching_ns: int = 0
    gap_share: float = 0.0


class Spacing:
    """Belt times of triggers, `rate_hz` on average; each gap varies uniformly by the share `jitter`."""

    def __init__(
        self, rate_hz: float, jitter: float, start_ns: int, rng: random.Random, faults: Faults | None = None
    ) -> None:
        self._mean_ns = 1e9 / rate_hz
        self._jitter = jitter
        self._rng = rng
        self._faults = faults or Faults()
        self.next_ns = start_ns

    def advance(self, now_ns: int) -> int:
        """The time of the trigger that is due, and goes on to the next one."""
        due_ns = self.next_ns if now_ns - self.next_ns < STANDSTILL_NS else now_ns
        self.next_ns = due_ns + self._gap_ns()
        return due_ns

    def _gap_ns(self) -> int:
        usual_ns = int(self._mean_ns * (1 + self._rng.uniform(-self._jitter, self._jitter)))
        faults = self._faults
        if faults.touching_share and self._rng.random() < faults.touching_share:
            return faults.touching_ns
        if faults.gap_share and self._rng.random() < faults.gap_share:
            return usual_ns + int(MISSING_PARTS * self._mean_ns)
        return usual_ns


class Belt:
    """The parts between the first camera and the gate, in order.

    `camera` names them, and stands `named_after_ns` of belt time behind the first one.
    """

    def __init__(
        self,
        camera: str,
        run: str,
        travel_ns: int,
        spacing: Spacing,
        conveyor: Conveyor | None = None,
        named_after_ns: int = 0,
    ) -> None:
        self.camera = camera
        self._named_after_ns = named_after_ns
        self._run = run
        self._travel_ns = travel_ns
        self._spacing = spacing
        self._conveyor = conveyor or SteadyConveyor()
        self._number = 0
        self._parts: deque[Part] = deque()

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def next_trigger_ns(self) -> int:
        """When the next part passes the camera."""
        return self._conveyor.when(self._spacing.next_ns)

    @property
    def next_gate_ns(self) -> int | None:
        """When the next part is before the gate."""
        return self._parts[0].gate_ns if self._parts else None

    def trigger(self, subject: Subject, now_ns: int) -> Part:
        """Puts the part that is due before the camera. `now_ns` is at or after `next_trigger_ns`."""
        place = self._spacing.advance(self._conveyor.place(now_ns))
        self._number += 1
        part = Part(
            part_id=f"{self.camera}-{self._run}-{self._number:06d}",
            camera=self.camera,
            subject=subject,
            trigger_ns=self._conveyor.when(place + self._named_after_ns),
            gate_ns=self._conveyor.when(place + self._travel_ns),
        )
        self._parts.append(part)
        return part

    def passes_ns(self, part: Part, before_gate_ns: int) -> int:
        """When the part passes what stands that much belt time before the gate."""
        return self._conveyor.when(self._conveyor.place(part.gate_ns) - before_gate_ns)

    def at_gate(self, now_ns: int) -> list[Part]:
        """Takes every part off the belt that has been before the gate by now, oldest first."""
        passed: list[Part] = []
        while self._parts and self._parts[0].gate_ns <= now_ns:
            passed.append(self._parts.popleft())
        return passed
