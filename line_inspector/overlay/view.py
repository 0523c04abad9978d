"""What the page shows at one moment, as plain values: made by state.py, drawn by the panels, the same for everyone."""

from dataclasses import dataclass
from enum import Enum

from line_inspector.overlay.liveness import Life


class Standing(Enum):
    """The face of a camera's panel. STALE wins over any verdict: an old green is never shown as if it were live."""

    WAITING = "waiting"
    ACCEPT = "accept"
    REJECT = "reject"
    STALE = "stale"


class Condition(Enum):
    """The line as a whole. ATTENTION: something is wrong, but parts are inspected."""

    WAITING = "waiting"
    INSPECTING = "inspecting"
    ATTENTION = "attention"
    STOPPED = "stopped"


@dataclass(frozen=True)
class PartView:
    """One decided part in words. `score_share` is the score on a scale where the threshold is 0.5, within 0..1."""

    part_id: str
    camera: str
    verdict: str
    reason: str
    score: str
    score_share: float | None
    picture: str
    decided_at: str
    latency: str
    model: str


@dataclass(frozen=True)
class CameraView:
    """One camera's panel; `part` is None until there was one, `stale_why` is empty while the verdict is live."""

    camera: str
    standing: Standing
    headline: str
    stale_why: str
    age: str
    part: PartView | None


@dataclass(frozen=True)
class CountsView:
    """Totals of the decision station since its start; `note` says when they are not current."""

    triggers: str
    accepted: str
    rejected: str
    accepted_share: str
    rejected_share: str
    by_reason: tuple[tuple[str, str], ...]
    note: str


@dataclass(frozen=True)
class StationView:
    """One row of the station list."""

    name: str
    life: Life
    text: str


@dataclass(frozen=True)
class AlarmView:
    """One standing alarm in words. `waits_for_person` until it is acknowledged, where it latches."""

    name: str
    subject: str
    severity: str
    title: str
    next_step: str
    facts: str
    waits_for_person: bool


@dataclass(frozen=True)
class LineView:
    """The whole page. `made_ns` is CLOCK_MONOTONIC: a page whose view stops moving is dead itself.

    `alarms` is what this station sees of the others, `standing` what decision says, `effect` what it does to the
    line.
    """

    made_ns: int
    clock: str
    model: str
    latency: str
    condition: Condition
    alarms: tuple[str, ...]
    standing: tuple[AlarmView, ...]
    effect: str
    cameras: tuple[CameraView, ...]
    counts: CountsView
    stations: tuple[StationView, ...]
    rejects: tuple[PartView, ...]
