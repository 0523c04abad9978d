"""What a fault did to the line, as a pure function of the world's record and the ledger. docs/reliability.md tells it.

A part is *properly accepted* when it fell into the accept bin and the ledger shows why it may: a verdict on a frame
taken of that very part, with that part's pixels, below the limit, made and decided in time. Every other part in the
accept bin is *uninspected*, and so is one that the gate let pass when it could hear nothing of the line.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from line_inspector.part_record import PartRecord, Reason
from line_inspector.simulation.record import BinnedPart

NS_PER_MS = 1e6
END_NS = 2**63 - 1
SCORE_TOLERANCE = 0.001  # between an engine's answers to the same picture, in batches of other sizes


@dataclass(frozen=True)
class Blow:
    """One fault as it happened. Times are CLOCK_MONOTONIC nanoseconds.

    The fault answers for every part that passed the gate from `injected_ns` until `until_ns`, when the next one began.
    `healed_ns` is when it was undone; for a blow that only the line recovers from, when it had been dealt. From
    `deaf_from_ns` until then the gate could hear nothing; None where it could. `restarts` is how many processes were
    started again before `until_ns`; `recovered`, whether within the test's patience a part was accepted and every
    station gave a sign of life.
    """

    name: str
    detail: str
    injected_ns: int
    healed_ns: int
    until_ns: int = END_NS
    deaf_from_ns: int | None = None
    restarts: int = 0
    recovered: bool = True


@dataclass(frozen=True)
class Evidence:
    """All that is known of the parts: the world's record, the ledger by part id, and what was looked up afterwards.

    `true_fingerprints`: of the picture that the camera took of a part. `second_scores`: what the same model, asked
    again in peace, says of it. Parts that are missing in these two are taken at the ledger's word.
    """

    parts: Collection[BinnedPart]
    rows: Mapping[str, PartRecord]
    true_fingerprints: Mapping[str, int]
    second_scores: Mapping[str, float]


@dataclass(frozen=True)
class Count:
    """Of some parts. The first three must be 0.

    `defective_accepted` are defective parts in the accept bin that the line would have rejected in peace: uninspected,
    or passed with a score that the same model does not give that picture. The others are `missed_by_model`.
    `ledger_gaps` are parts without a row, and rows without a part. `good_rejected` are good parts that were rejected,
    `unseen_rejected` those parts among all rejected ones that no verdict rejected: what the fault cost.
    """

    uninspected_accepted: int
    defective_accepted: int
    ledger_gaps: int
    parts: int
    accepted: int
    missed_by_model: int
    good_rejected: int
    unseen_rejected: int

    @property
    def faultless(self) -> bool:
        """Whether the line kept its promise."""
        return not (self.uninspected_accepted or self.defective_accepted or self.ledger_gaps)


@dataclass(frozen=True)
class Outcome:
    """What one fault did. `service_after_ms` is None where no part was accepted again before the next fault."""

    name: str
    detail: str
    lasted_ms: float
    restarts: int
    recovered: bool
    parts_in_flight: int
    count: Count
    safe_after_ms: float
    service_after_ms: float | None


def outcome(blow: Blow, evidence: Evidence) -> Outcome:
    """What this fault did to the parts it answers for."""
    own = [part for part in evidence.parts if blow.injected_ns <= part.gate_ns < blow.until_ns]
    return Outcome(
        name=blow.name,
        detail=blow.detail,
        lasted_ms=(blow.healed_ns - blow.injected_ns) / NS_PER_MS,
        restarts=blow.restarts,
        recovered=blow.recovered,
        parts_in_flight=sum(part.trigger_ns <= blow.injected_ns < part.gate_ns for part in evidence.parts),
        count=_count(own, evidence, [blow], _phantoms(evidence, blow.injected_ns, blow.until_ns)),
        safe_after_ms=_safe_after_ms(blow, own, evidence),
        service_after_ms=_service_after_ms(blow, own, evidence),
    )


def total(blows: Collection[Blow], evidence: Evidence) -> Count:
    """Over all parts, also those before the first fault."""
    return _count(evidence.parts, evidence, blows, _phantoms(evidence, -END_NS, END_NS))


def properly_accepted(part: BinnedPart, evidence: Evidence, blows: Iterable[Blow] = ()) -> bool:
    """Whether the part is in the accept bin, and may be."""
    row = evidence.rows.get(part.part_id)
    if part.bin != "accept" or row is None or not _told_in_time(part, row) or _deaf(part, blows):
        return False
    if not row.accepted or row.reason is not Reason.GOOD or not _below_limit(row):
        return False
    true_fingerprint = evidence.true_fingerprints.get(part.part_id)
    return row.fingerprint is not None and true_fingerprint in (None, row.fingerprint)


def _told_in_time(part: BinnedPart, row: PartRecord) -> bool:
    """Trigger, frame, verdict, decision, accept, gate: in this order, of one part, and the decision by its deadline."""
    if (row.camera, row.trigger_ns) != (part.camera, part.trigger_ns):
        return False
    if row.captured_ns is None or row.verdict_ns is None or part.accept_received_ns is None:
        return False
    steps = (part.trigger_ns, row.captured_ns, row.verdict_ns, row.decided_ns, part.accept_received_ns, part.gate_ns)
    return all(a <= b for a, b in zip(steps, steps[1:], strict=False)) and row.decided_ns < row.deadline_ns


def _below_limit(row: PartRecord) -> bool:
    if row.score is None or row.threshold is None or not row.model_version:
        return False
    return math.isfinite(row.score) and math.isfinite(row.threshold) and 0 <= row.score < row.threshold


def _deaf(part: BinnedPart, blows: Iterable[Blow]) -> bool:
    return any(b.deaf_from_ns is not None and b.deaf_from_ns <= part.gate_ns < b.healed_ns for b in blows)


def _count(parts: Collection[BinnedPart], evidence: Evidence, blows: Collection[Blow], phantoms: int) -> Count:
    passed = [part for part in parts if part.bin == "accept"]
    stopped = [part for part in parts if part.bin == "reject"]
    proper = [part for part in passed if properly_accepted(part, evidence, blows)]
    defective = sum(part.defective is True for part in passed)
    missed = sum(part.defective is True and _model_agrees(part, evidence) for part in proper)
    return Count(
        uninspected_accepted=len(passed) - len(proper),
        defective_accepted=defective - missed,
        ledger_gaps=sum(_unrecorded(part, evidence) for part in parts) + phantoms,
        parts=len(parts),
        accepted=len(passed),
        missed_by_model=missed,
        good_rejected=sum(part.defective is False for part in stopped),
        unseen_rejected=sum(not _rejected_on_sight(part, evidence) for part in stopped),
    )


def _model_agrees(part: BinnedPart, evidence: Evidence) -> bool:
    """Whether the model in peace would have let the part pass as well."""
    limit = evidence.rows[part.part_id].threshold
    second = evidence.second_scores.get(part.part_id)
    return second is None or limit is None or second < limit + SCORE_TOLERANCE


def _rejected_on_sight(part: BinnedPart, evidence: Evidence) -> bool:
    row = evidence.rows.get(part.part_id)
    return row is not None and row.reason is Reason.ANOMALY


def _unrecorded(part: BinnedPart, evidence: Evidence) -> bool:
    """Whether the line was told of the part, and has no row for it."""
    return bool(part.told) and part.part_id not in evidence.rows and evidence.rows.keys().isdisjoint(part.told)


def _phantoms(evidence: Evidence, from_ns: int, until_ns: int) -> int:
    known = {part_id for part in evidence.parts for part_id in part.told}
    return sum(from_ns <= row.gate_ns < until_ns and row.part_id not in known for row in evidence.rows.values())


def _safe_after_ms(blow: Blow, own: Collection[BinnedPart], evidence: Evidence) -> float:
    """0 when nothing wrong was let pass; else until the first part after it that was rejected or properly accepted."""
    wrong_ns = [p.gate_ns for p in own if p.bin == "accept" and not properly_accepted(p, evidence, [blow])]
    if not wrong_ns:
        return 0.0
    later_ns = [part.gate_ns for part in own if part.gate_ns > max(wrong_ns)]
    return (min(later_ns, default=max(wrong_ns)) - blow.injected_ns) / NS_PER_MS


def _service_after_ms(blow: Blow, own: Collection[BinnedPart], evidence: Evidence) -> float | None:
    """Until the first decision to accept a part that was photographed afterwards, and that did pass the gate."""
    accepts_ns = [
        row.decided_ns
        for part in own
        if properly_accepted(part, evidence, [blow])
        and (row := evidence.rows[part.part_id]).captured_ns is not None
        and row.captured_ns >= blow.healed_ns
    ]
    return (min(accepts_ns) - blow.healed_ns) / NS_PER_MS if accepts_ns else None
