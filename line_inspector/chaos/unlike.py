"""What of a line file is not put to the test, since the scratch line holds something else in its place, or nothing."""

from collections.abc import Iterator

from line_inspector.chaos.scratch_line import ARCHIVE_MIN_FREE_MB, OF_A_LARGE_DISK, stands_in
from line_inspector.config import Line, PlcGateSection, SimulatedGateSettings


def unlike(given: Line) -> list[str]:
    """Keys of the given line that `scratch_line` replaces or leaves out, each with what became of it, for people.

    Only what this line really has; what is replaced on every line (data_dir, the page's address) is not told. Names no
    place of a ledger, which may hold a password.
    """
    return [*_cameras(given), *_gate_and_belt(given), *_challenge_and_workers(given), *_records(given)]


def _cameras(given: Line) -> Iterator[str]:
    for name, camera in given.cameras.items():
        if stands_in(given, name):
            yield f"cameras.{name}.source ({camera.source.kind}; now simulated)"
        if camera.trigger.kind != "line":
            yield f"cameras.{name}.trigger ({camera.trigger.kind}; now the simulated conveyor's)"


def _gate_and_belt(given: Line) -> Iterator[str]:
    gate = given.decision.gate
    if isinstance(gate, PlcGateSection):
        yield f"decision.gate ({gate.kind}; now a simulated PLC on loopback)"
    elif not isinstance(gate, SimulatedGateSettings):
        yield f"decision.gate ({gate.kind}; now simulated)"
    if given.counter:
        yield f"belt.encoder.source ({given.counter.kind}; now the simulated world's, on loopback)"
    if given.simulation and not given.simulation.defective_share:
        yield "simulation.defective_share (0; now some parts are defective)"


def _challenge_and_workers(given: Line) -> Iterator[str]:
    if given.challenge:
        yield "challenge (left out)"
    for name, worker in given.inference.workers.items():
        if not worker.is_local:
            yield f"inference.workers.{name} (on another host; left out)"


def _records(given: Line) -> Iterator[str]:
    if "://" in given.records.ledger:
        kind = "a SQLite file elsewhere" if given.records.ledger.startswith("sqlite:") else "PostgreSQL"
        yield f"records.ledger ({kind}; now a SQLite file)"
    if "archive_min_free_mb" in given.records.model_fields_set:
        yield f"records.archive_min_free_mb (now {ARCHIVE_MIN_FREE_MB})"
    for key in OF_A_LARGE_DISK:
        if getattr(given.records, key) is not None:
            yield f"records.{key} (left out)"
