"""The world's record against the ledger: what fell into which bin, and whether every part was accounted for."""

from collections.abc import Iterable
from dataclasses import dataclass

from line_inspector.part_record import PartRecord, views_of
from line_inspector.records.report import report
from line_inspector.simulation.record import AGAIN, BinnedPart


@dataclass(frozen=True)
class Percentiles:
    """In milliseconds; None without a single part."""

    p50: float | None
    p99: float | None


@dataclass(frozen=True)
class Summary:
    """Of the parts in the world's record.

    `triggers` counts parts that were noticed by a trigger, and doubles of such a trigger.
    `accepted`, `rejected`, `by_reason`, `late_decisions` and the latency (trigger to decision) are the ledger's word;
    `defective` and `good` (how many of each lay on the belt), `defective_accepted`, `good_rejected` and
    `uninspected_accepted` are the world's, by bin. `uninspected_accepted` are parts in the accept bin without an
    accepted row that has score, model and fingerprint; `ledger_gaps` are parts without a row. Both are 0 on a line that
    keeps its invariants.
    """

    triggers: int
    accepted: int
    rejected: int
    by_reason: dict[str, int]
    defective: int
    good: int
    defective_accepted: int
    good_rejected: int
    uninspected_accepted: int
    late_decisions: int
    ledger_gaps: int
    decision_latency_ms: Percentiles


def summary(parts: Iterable[BinnedPart], rows: Iterable[PartRecord]) -> Summary:
    """Compares the two. Rows of parts that are not among `parts` are left out."""
    world = {part.part_id: part for part in parts}
    heard = {part_id for part in world.values() for part_id in part.told}
    ledger = {row.part_id: row for row in rows if row.part_id in heard}
    known = {view.part_id for row in ledger.values() for view in views_of(row)} | set(ledger)
    noticed = [part for part in world.values() if part.told]
    doubles = sum(part_id.endswith(AGAIN) for part_id in heard)
    told = report(ledger.values())
    passed = [part for part in world.values() if part.bin == "accept"]
    stopped = [part for part in world.values() if part.bin == "reject"]
    latency = told.latency_ms.get("trigger_to_decision")
    return Summary(
        triggers=len(noticed) + doubles,
        accepted=told.accepted,
        rejected=told.rejected,
        by_reason=told.by_reason,
        defective=sum(part.defective is True for part in world.values()),
        good=sum(part.defective is False for part in world.values()),
        defective_accepted=sum(part.defective is True for part in passed),
        good_rejected=sum(part.defective is False for part in stopped),
        uninspected_accepted=sum(not _inspected(ledger.get(part.part_id)) for part in passed),
        late_decisions=told.late_decisions,
        ledger_gaps=sum(known.isdisjoint(part.told) for part in noticed),
        decision_latency_ms=Percentiles(latency.p50 if latency else None, latency.p99 if latency else None),
    )


def _inspected(row: PartRecord | None) -> bool:
    """Whether the ledger shows that this part was let pass on a verdict."""
    if row is None or not row.accepted:
        return False
    return row.score is not None and bool(row.model_version) and row.fingerprint is not None
