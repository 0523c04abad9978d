"""The one table of station processes. `run`, the units in systemd/, the docs and the tests read it."""

from dataclasses import dataclass

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
    per_camera: bool
    latency_budget_ms: float
    copies: int = 1  # processes that compete for the one role; the others stand by
    per_worker: bool = False  # one for each of inference.workers, each on its own host
    per_counter: bool = False  # one on a line whose encoder has a source (belt.encoder.source)


STATIONS = (
    StationKind(
        "decision",
        (ANNOUNCEMENTS, SHOTS, VERDICTS, FAULTS, ENCODER, BIN, ACKNOWLEDGEMENTS),
        (ACCEPTS, HEARTBEAT, RESULTS, ALARMS, CHALLENGES, LOOP_BACK),
        "line-inspector-decision.service",
        False,
        2,
    ),
    StationKind(
        "inference",
        (FRAMES, ANSWERS),
        (VERDICTS, FAULTS, WORK),
        "line-inspector-inference@.service",
        False,
        500,
        2,
    ),
    StationKind("worker", (WORK,), (ANSWERS,), "line-inspector-worker@.service", False, 500, per_worker=True),
    StationKind(
        "capture",
        (TRIGGERS, CHALLENGES),
        (ANNOUNCEMENTS, FRAMES, SHOTS, FAULTS),
        "line-inspector-capture@.service",
        True,
        50,
    ),
    StationKind("encoder", (), (ENCODER,), "line-inspector-encoder.service", False, 50, per_counter=True),
    StationKind("overlay", (RESULTS, ALARMS), (ACKNOWLEDGEMENTS,), "line-inspector-overlay.service", False, 0),
    StationKind("trainer", (), (), "line-inspector-trainer.service", False, 0),
)
