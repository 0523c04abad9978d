"""The whole line: how much of the engine's speed is left at saturation, and the highest rate without a late part."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from line_inspector.bench.bench_line import Subject
from line_inspector.bench.engine_table import rate_at
from line_inspector.bench.running_line import RunningLine
from line_inspector.bench.timing import Budget, Spread
from line_inspector.inference.engine import Engine

OVERLOAD = 1.3  # times what the bare engine does
SHARES = (0.95, 0.85, 0.75, 0.65, 0.5, 0.35, 0.2, 0.1)  # of the line's throughput, tried downwards
UNDER_THE_CAMERAS_LIMIT = 0.9  # spacing varies
SHORTEST_S, LONGEST_S, PARTS = 2.5, 6.0, 60
BESIDES_S = 2.5  # a trial's first part comes late, and its last must reach the gate
BARE_S = 1.0
LONG_S = 30.0


@dataclass(frozen=True)
class Saturation:
    """More parts than can be inspected: verdicts per second beside the bare engine's, at the same batch sizes."""

    offered_hz: float
    line_hz: float
    engine_hz: float
    batches: dict[int, int]
    throughput_over_engine: float


@dataclass(frozen=True)
class CameraRow:
    """For so many cameras: the highest rate of all together at which no part was late; None where each rate lost some.

    Latencies are those of that rate. `limited_by_cameras` where they could not be triggered any faster (max_rate_hz).
    `tried` holds every rate in parts/s and how many of how many parts were lost at it, and why.
    """

    cameras: int
    highest_rate_hz: float | None
    limited_by_cameras: bool
    latency: Spread | None
    hops_ms: dict[str, float]
    tried: list[tuple[float, int, int, dict[str, int]]] = field(default_factory=list)


@dataclass(frozen=True)
class LineTable:
    """`saturation` is None where not two parts were inspected."""

    saturation: Saturation | None
    rows: list[CameraRow]


def measure_line(
    running: RunningLine, engine: Engine, subject: Subject, engine_hz: float, counts: Sequence[int], seconds: float
) -> LineTable:
    """Takes about so long, and measures at least the saturation and one rate. `engine_hz`: the bare engine's best."""
    budget = Budget(seconds)
    running.trial(1, min(2.0, engine_hz), 1.0)  # first frames are slow
    most_hz = UNDER_THE_CAMERAS_LIMIT * next(iter(subject.line.cameras.values())).max_rate_hz
    offered_hz = min(OVERLOAD * engine_hz, most_hz * counts[-1])
    rounds = [_saturate(running, engine, subject, counts[-1], offered_hz)]
    if seconds > LONG_S:  # a machine is not always equally busy
        rounds.append(_saturate(running, engine, subject, counts[-1], offered_hz))
    saturation = _mean([found for found in rounds if found])
    ceiling_hz = saturation.line_hz if saturation else engine_hz
    rows: list[CameraRow] = []
    start = 0
    for count in counts:
        if rows and budget.left_s < SHORTEST_S + BESIDES_S:
            break
        row, start = _highest(running, count, ceiling_hz, most_hz * count, start, budget)
        rows.append(row)
    return LineTable(saturation, rows)


def _saturate(
    running: RunningLine, engine: Engine, subject: Subject, cameras: int, offered_hz: float
) -> Saturation | None:
    """One round: the line, and at once afterwards the bare engine, while the stations have nothing to do."""
    trial = running.trial(cameras, offered_hz, _length_s(offered_hz))
    if not trial.answered_hz:
        return None
    engine_hz = rate_at(engine, subject.frames, trial.batches, BARE_S)
    return Saturation(
        offered_hz=trial.rate_hz,
        line_hz=trial.answered_hz,
        engine_hz=engine_hz,
        batches=dict(sorted(trial.batches.items())),
        throughput_over_engine=trial.answered_hz / engine_hz,
    )


def _mean(rounds: Sequence[Saturation]) -> Saturation | None:
    if not rounds:
        return None
    return Saturation(
        offered_hz=rounds[0].offered_hz,
        line_hz=fmean(found.line_hz for found in rounds),
        engine_hz=fmean(found.engine_hz for found in rounds),
        batches=dict(sorted(sum((Counter(found.batches) for found in rounds), Counter()).items())),
        throughput_over_engine=fmean(found.throughput_over_engine for found in rounds),
    )


def _highest(
    running: RunningLine, cameras: int, ceiling_hz: float, most_hz: float, start: int, budget: Budget
) -> tuple[CameraRow, int]:
    """Goes down from the share before `start` until no part is lost; the row, and the share where it ended."""
    tried: list[tuple[float, int, int, dict[str, int]]] = []
    for index in range(max(0, start - 1), len(SHARES)):
        rate_hz = min(SHARES[index] * ceiling_hz, most_hz)
        if tried and rate_hz == tried[-1][0]:
            continue
        trial = running.trial(cameras, rate_hz, _length_s(rate_hz))
        lost = trial.lost
        tried.append((rate_hz, lost.total(), len(trial.parts), dict(lost)))
        if trial.parts and not lost:
            return CameraRow(cameras, rate_hz, rate_hz == most_hz, trial.gate_latency, trial.hops_ms, tried), index
        if budget.left_s < SHORTEST_S + BESIDES_S:
            break
    return CameraRow(cameras, None, False, None, {}, tried), start


def _length_s(rate_hz: float) -> float:
    return min(LONGEST_S, max(SHORTEST_S, PARTS / rate_hz))
