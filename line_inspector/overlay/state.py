"""Folds results and health into what the page shows. Pure: times come in, plain values go out."""

import math
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from line_inspector.config import Line
from line_inspector.messages import AlarmsStanding, Health, Result
from line_inspector.overlay.alarm_words import alarm_view, effect_in_words
from line_inspector.overlay.liveness import Life, Liveness, watched_stations
from line_inspector.overlay.view import CameraView, Condition, CountsView, LineView, PartView, Standing, StationView
from line_inspector.overlay.words import CONSEQUENCES, age_in_words, reason_in_words, station_in_words
from line_inspector.part_record import Reason

REJECTS_SHOWN = 12
LATENCIES_KEPT = 500
NO_PICTURE = ""
UNKNOWN = "\N{EN DASH}"

FRESH_AT_LEAST_NS = 3_000_000_000
FRESH_AT_MOST_NS = 30_000_000_000
MISSED_PARTS = 3
SPACINGS_KEPT = 5
UNINSPECTED_ALARM = 5  # so many parts in a row that no model looked at are no accident
INSPECTED = (Reason.GOOD, Reason.ANOMALY)
TRUSTED_ALONE_NS = 1_000_000_000  # a verdict younger than this proves that its station lived a moment ago


@dataclass
class _Seat:
    """The part that one camera's panel shows, how far apart its parts come, and how many in a row nobody inspected."""

    result: Result | None = None
    picture: str = NO_PICTURE
    last_ns: int = 0
    spacings_ns: deque[int] = field(default_factory=lambda: deque(maxlen=SPACINGS_KEPT))
    uninspected: int = 0
    reason: str = ""


class State:
    """Everything the overlay knows of its line."""

    def __init__(self, line: Line, now_ns: int) -> None:
        self.liveness = Liveness(watched_stations(line), now_ns)
        self._seats = {camera: _Seat() for camera in line.cameras}
        self._rejects: deque[PartView] = deque(maxlen=REJECTS_SHOWN)
        self._latencies_ns: deque[int] = deque(maxlen=LATENCIES_KEPT)
        self._model = ""
        self._standing: AlarmsStanding | None = None

    def note(self, result: Result) -> bool:
        """A part was decided; False for a camera that this line does not have."""
        seat = self._seats.get(result.camera)
        if not seat:
            return False
        if seat.last_ns:
            seat.spacings_ns.append(max(0, result.decided_ns - seat.last_ns))
        seat.last_ns, seat.reason = result.decided_ns, result.reason
        seat.uninspected = 0 if _inspected(result) else seat.uninspected + 1
        if result.leads:
            self._latencies_ns.append(result.decided_ns - result.trigger_ns)
        self._model = result.model_version or self._model
        return True

    def take_alarms(self, told: AlarmsStanding) -> None:
        """What decision says of its alarms."""
        self._standing = told

    def show(self, result: Result, picture: str) -> None:
        """Puts the part on its camera's panel, and into the strip of rejects where it belongs."""
        seat = self._seats[result.camera]
        seat.result, seat.picture = result, picture
        self.list_reject(result, picture)

    def list_reject(self, result: Result, picture: str = NO_PICTURE) -> None:
        """Puts a rejected part at the head of the strip; once, however many cameras have seen it."""
        if result.leads and not result.accepted:
            self._rejects.appendleft(part_view(result, picture))

    def view(self, now_ns: int) -> LineView:
        """The page at this moment."""
        return LineView(
            made_ns=now_ns,
            clock=time.strftime("%H:%M:%S"),
            model=self._model or UNKNOWN,
            latency=self._latency(),
            condition=self._condition(now_ns),
            alarms=self._alarms(now_ns),
            standing=tuple(alarm_view(one) for one in self._standing.alarms) if self._standing else (),
            effect=effect_in_words(self._standing),
            cameras=tuple(self._camera(camera, now_ns) for camera in self._seats),
            counts=self._counts(now_ns),
            stations=tuple(
                StationView(station_in_words(s), self.liveness.life(s, now_ns), self.liveness.in_words(s, now_ns))
                for s in self.liveness.stations
            ),
            rejects=tuple(self._rejects),
        )

    def _condition(self, now_ns: int) -> Condition:
        lives = {station: self.liveness.life(station, now_ns) for station in self.liveness.stations}
        on_the_way = [
            lives["decision"],
            lives["inference"],
            _best(lives[f"capture.{camera}"] for camera in self._seats),
        ]
        if Life.SILENT in on_the_way:
            return Condition.STOPPED
        if Life.AWAITED in on_the_way:
            return Condition.WAITING
        standing = self._standing is not None and bool(self._standing.alarms)
        return Condition.ATTENTION if standing or self._alarms(now_ns) else Condition.INSPECTING

    def _alarms(self, now_ns: int) -> tuple[str, ...]:
        silent = [
            f"{fault}: {CONSEQUENCES[station.partition('.')[0]]}."
            for station, fault in zip(self.liveness.stations, self._faults(now_ns), strict=True)
            if fault
        ]
        blind = [
            f"Camera {camera}: the last {seat.uninspected} parts were rejected without inspection."
            f" {reason_in_words(seat.reason)}."
            for camera, seat in self._seats.items()
            if seat.uninspected >= UNINSPECTED_ALARM
        ]
        return (*silent, *blind)

    def _faults(self, now_ns: int) -> tuple[str, ...]:
        return tuple(self.liveness.fault(station, now_ns) for station in self.liveness.stations)

    def _latency(self) -> str:
        if not self._latencies_ns:
            return UNKNOWN
        ordered = sorted(self._latencies_ns)
        return f"{ordered[len(ordered) // 2] / 1e6:.0f} ms, worst {ordered[-1] / 1e6:.0f} ms"

    def _camera(self, camera: str, now_ns: int) -> CameraView:
        seat = self._seats[camera]
        if not seat.result:
            why = self._silent_station(camera, now_ns)
            return CameraView(camera, Standing.WAITING, "NO PART YET", why, "", None)
        part = part_view(seat.result, seat.picture)
        age_ns = now_ns - seat.result.decided_ns
        why = self._stale_why(camera, seat, age_ns, now_ns)
        live = Standing.ACCEPT if seat.result.accepted else Standing.REJECT
        return CameraView(
            camera=camera,
            standing=Standing.STALE if why else live,
            headline="NOT LIVE" if why else part.verdict,
            stale_why=why,
            age=age_in_words(age_ns),
            part=part,
        )

    def _stale_why(self, camera: str, seat: _Seat, age_ns: int, now_ns: int) -> str:
        silent = self._silent_station(camera, now_ns)
        if silent and age_ns > TRUSTED_ALONE_NS:
            return silent
        usual_ns = median(seat.spacings_ns) if seat.spacings_ns else 0  # one long break must not count as usual
        fresh_ns = min(max(MISSED_PARTS * usual_ns, FRESH_AT_LEAST_NS), FRESH_AT_MOST_NS)
        return f"No part for {age_in_words(age_ns)}" if age_ns > fresh_ns else ""

    def _silent_station(self, camera: str, now_ns: int) -> str:
        """The first station on this camera's way to a verdict that is silent, in a sentence; empty if none is."""
        for station in ("decision", f"capture.{camera}", "inference"):
            if self.liveness.life(station, now_ns) is Life.SILENT:
                return self.liveness.fault(station, now_ns)
        return ""

    def _counts(self, now_ns: int) -> CountsView:
        health = self.liveness.last("decision")
        if not health:
            return CountsView(UNKNOWN, UNKNOWN, UNKNOWN, "", "", (), "Waiting for the decision station")
        return counts_view(health, self._counts_note(now_ns))

    def _counts_note(self, now_ns: int) -> str:
        if self.liveness.life("decision", now_ns) is Life.LIVE:
            return "Since the decision station started"
        return f"Not current: as of {age_in_words(self.liveness.silence_ns('decision', now_ns))} ago"


def _inspected(result: Result) -> bool:
    """Whether a model has looked at this camera's picture; the reason of the part may be another camera's."""
    if result.decided_by == result.camera:
        return result.reason in INSPECTED
    return result.score is not None


def _best(lives: Iterable[Life]) -> Life:
    return min(lives, key=list(Life).index)


def counts_view(health: Health, note: str) -> CountsView:
    """Decision's counters `announced`, `accepted`, `rejected` and `reason.*` as the page's totals."""
    total = Counter(health.counters)
    decided = total["accepted"] + total["rejected"]
    reasons = [(name.removeprefix("reason."), count) for name, count in total.most_common() if "reason." in name]
    return CountsView(
        triggers=f"{total['announced']:,}",
        accepted=f"{total['accepted']:,}",
        rejected=f"{total['rejected']:,}",
        accepted_share=_share(total["accepted"], decided),
        rejected_share=_share(total["rejected"], decided),
        by_reason=tuple((reason_in_words(name), f"{count:,}") for name, count in reasons if count and name != "good"),
        note=note,
    )


def part_view(result: Result, picture: str) -> PartView:
    """One decided part in words."""
    return PartView(
        part_id=result.part_id,
        camera=result.camera,
        verdict="ACCEPT" if result.accepted else "REJECT",
        reason=_reason(result),
        score=_score(result),
        score_share=_score_share(result),
        picture=picture,
        decided_at=time.strftime("%H:%M:%S", time.localtime(result.trigger_wall_ns / 1e9)),
        latency=f"{(result.decided_ns - result.trigger_ns) / 1e6:.0f} ms",
        model=result.model_version or UNKNOWN,
    )


def _reason(result: Result) -> str:
    words = reason_in_words(result.reason)
    return words if result.decided_by == result.camera else f"{words} by camera {result.decided_by}"


def _score(result: Result) -> str:
    if result.score is None or result.threshold is None or not math.isfinite(result.score):
        return "No usable score"
    relation = "<" if result.score < result.threshold else "\N{GREATER-THAN OR EQUAL TO}"
    return f"Score {result.score:.3f} {relation} limit {result.threshold:.3f}"


def _score_share(result: Result) -> float | None:
    if result.score is None or not result.threshold or not math.isfinite(result.score):
        return None
    return min(max(result.score / (2 * result.threshold), 0.0), 1.0)


def _share(count: int, whole: int) -> str:
    return f"{100 * count / whole:.1f} %" if whole else ""
