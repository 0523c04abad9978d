"""summary.py: the world's bins against the ledger's rows."""

from msgspec.structs import replace

from line_inspector.part_record import PartRecord, Reason
from line_inspector.simulation.gate import Why
from line_inspector.simulation.record import BinnedPart
from line_inspector.simulation.summary import Percentiles, summary

MS = 1_000_000


def part(number: int, bin: str, defective: bool | None) -> BinnedPart:
    return BinnedPart(
        part_id=f"top-1-{number:06d}",
        camera="top",
        trigger_ns=0,
        gate_ns=1_000 * MS,
        defective=defective,
        defect="dent" if defective else "",
        file="",
        seed=number,
        bin="accept" if bin == "accept" else "reject",
        why=Why.ACCEPTED if bin == "accept" else Why.NO_ACCEPT,
        accept_received_ns=None,
    )


def row(number: int, reason: Reason, decided_ms: int = 100) -> PartRecord:
    seen = reason in (Reason.GOOD, Reason.ANOMALY)
    return PartRecord(
        part_id=f"top-1-{number:06d}",
        camera="top",
        trigger_wall_ns=0,
        trigger_ns=0,
        captured_ns=1 if seen else None,
        inference_start_ns=2 if seen else None,
        inference_end_ns=3 if seen else None,
        verdict_ns=4 if seen else None,
        decided_ns=decided_ms * MS,
        deadline_ns=900 * MS,
        gate_ns=1_000 * MS,
        accepted=reason is Reason.GOOD,
        reason=reason,
        detail="",
        score=0.1 if seen else None,
        threshold=0.5 if seen else None,
        model_version="v1" if seen else "",
        fingerprint=7 if seen else None,
    )


def test_nothing_happened() -> None:
    told = summary([], [])
    assert (told.triggers, told.accepted, told.rejected, told.ledger_gaps) == (0, 0, 0, 0)
    assert told.decision_latency_ms == Percentiles(None, None)


def test_bins_and_rows_are_counted() -> None:
    parts = [
        part(1, "accept", False),
        part(2, "accept", True),
        part(3, "reject", True),
        part(4, "reject", False),
        part(5, "reject", None),
    ]
    rows = [
        row(1, Reason.GOOD, 100),
        row(2, Reason.GOOD, 200),
        row(3, Reason.ANOMALY, 300),
        row(4, Reason.NO_VERDICT, 901),
        row(99, Reason.GOOD),  # of another run
    ]
    told = summary(parts, rows)
    assert (told.triggers, told.accepted, told.rejected) == (5, 2, 2)
    assert told.by_reason == {"anomaly": 1, "no_verdict": 1}
    assert (told.defective, told.good) == (2, 2)
    assert (told.defective_accepted, told.good_rejected) == (1, 1)
    assert (told.uninspected_accepted, told.late_decisions, told.ledger_gaps) == (0, 1, 1)
    assert told.decision_latency_ms == Percentiles(200, 901)


def test_every_kind_of_uninspected_part_in_the_accept_bin_is_found() -> None:
    good = row(1, Reason.GOOD)
    parts = [part(number, "accept", False) for number in range(1, 7)]
    rows = [
        good,
        replace(good, part_id="top-1-000002", score=None),
        replace(good, part_id="top-1-000003", model_version=""),
        replace(good, part_id="top-1-000004", fingerprint=None),
        row(5, Reason.NO_VERDICT),
    ]
    told = summary(parts, rows)
    assert (told.uninspected_accepted, told.ledger_gaps) == (5, 1)


def test_a_fingerprint_of_zero_is_a_fingerprint() -> None:
    told = summary([part(1, "accept", False)], [replace(row(1, Reason.GOOD), fingerprint=0)])
    assert told.uninspected_accepted == 0
