"""The one table of station processes. `run`, the units in systemd/, the docs and the tests read it."""

from dataclasses import dataclass
from typing import Literal

from line_inspector.config import Line
from line_inspector.streams import (
    ACCEPTS,
    ACKNOWLEDGEMENTS,
    ALARMS,
    ANNOUNCEMENTS,
    ANSWERS,
    BIN,
    CHALLENGES,
    ENCODER,
    FAULTS,
    FRAMES,
    HEARTBEAT,
    LOOP_BACK,
    RESULTS,
    SHOTS,
    TRIGGERS,
    VERDICTS,
    WORK,
    Stream,
)


@dataclass(frozen=True)
class StationKind:
    """One row: module under stations/, streams in and out, systemd unit, and the share of a part's time it may take."""

    name: str
    reads: tuple[Stream, ...]
    writes: tuple[Stream, ...]
    unit: str
    latency_budget_ms: float
    copies: int = 1  # processes that compete for the one role; the others stand by
    per: Literal["line", "camera", "worker", "counter"] = "line"  # a counter is a belt's, where its encoder has one

    def names(self, line: Line) -> dict[str, str]:
        """Camera or worker of each process of this kind on the line, "" for neither, by the process's name.

        Copies share a name.
        """
        if self.per == "camera":
            return {f"{self.name}.{camera}": camera for camera in line.cameras}
        if self.per == "worker":
            return {f"{self.name}.{worker}": worker for worker in line.inference.workers}
        return {self.name: ""} if self.per == "line" or line.counter else {}


STATIONS = (
    StationKind(
        "decision",
        (ANNOUNCEMENTS, SHOTS, VERDICTS, FAULTS, ENCODER, BIN, ACKNOWLEDGEMENTS),
        (ACCEPTS, HEARTBEAT, RESULTS, ALARMS, CHALLENGES, LOOP_BACK),
        "line-inspector-decision.service",
        2,
    ),
    StationKind(
        "inference",
        (FRAMES, ANSWERS),
        (VERDICTS, FAULTS, WORK),
        "line-inspector-inference@.service",
        500,
        copies=2,
    ),
    StationKind("worker", (WORK,), (ANSWERS,), "line-inspector-worker@.service", 500, per="worker"),
    StationKind(
        "capture",
        (TRIGGERS, CHALLENGES),
        (ANNOUNCEMENTS, FRAMES, SHOTS, FAULTS),
        "line-inspector-capture@.service",
        50,
        per="camera",
    ),
    StationKind("encoder", (), (ENCODER,), "line-inspector-encoder.service", 50, per="counter"),
    StationKind("overlay", (RESULTS, ALARMS), (ACKNOWLEDGEMENTS,), "line-inspector-overlay.service", 0),
    StationKind("trainer", (), (), "line-inspector-trainer.service", 0),
)
