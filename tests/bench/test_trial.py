"""A trial's words about its parts: who was late, how long each hop took, how large the batches were."""

from typing import Any

import pytest

from line_inspector.bench.trial import LATE, UNRECORDED, Trial
from line_inspector.part_record import PartRecord, Reason
from line_inspector.simulation.record import BinnedPart

MS = 1_000_000


def part(number: int, accept_received_ms: int | None = None) -> BinnedPart:
    return BinnedPart(
        part_id=f"p{number}", camera="a", trigger_ns=number * 100 * MS, gate_ns=0, defective=False, defect="", file="",
        seed=0, bin="accept", why="told",
        accept_received_ns=None if accept_received_ms is None else (number * 100 + accept_received_ms) * MS,
    )  # fmt: skip


def row(number: int, reason: Reason = Reason.GOOD, **changed: Any) -> PartRecord:
    """Captured after 1 ms, inferred from 3 to 13, verdict there after 14, decided after 20, due after 50."""
    begin = number * 100
    inspected = reason in (Reason.GOOD, Reason.ANOMALY)
    after = {"captured_ns": 1, "inference_start_ns": 3, "inference_end_ns": 13, "verdict_ns": 14}
    times = {name: (begin + ms) * MS if inspected else None for name, ms in after.items()}
    fields: dict[str, Any] = {
        "part_id": f"p{number}", "camera": "a", "trigger_wall_ns": 0, "trigger_ns": begin * MS,
        "decided_ns": (begin + 20) * MS, "deadline_ns": (begin + 50) * MS, "gate_ns": 0,
        "accepted": reason is Reason.GOOD, "reason": reason, "detail": "", "score": 0.1, "threshold": 0.5,
        "model_version": "v", "fingerprint": 1, **times, **changed,
    }  # fmt: skip
    return PartRecord(**fields)


def trial(parts: list[BinnedPart], rows: list[PartRecord]) -> Trial:
    return Trial(cameras=1, rate_hz=10.0, parts=parts, rows={row.part_id: row for row in rows})


def test_every_part_without_a_verdict_in_time_is_lost_by_its_reason() -> None:
    rows = [
        row(0), row(1, Reason.ANOMALY), row(2, Reason.SKIPPED_LATE), row(3, Reason.LATE_TRIGGER),
        row(4, decided_ns=451 * MS), row(6, Reason.SKIPPED_LATE),
    ]  # fmt: skip
    lost = trial([part(n) for n in range(7)], rows).lost
    assert lost == {"skipped_late": 2, "late_trigger": 1, LATE: 1, UNRECORDED: 1}


def test_the_hops_add_up_to_what_the_gate_waited() -> None:
    seen = trial([part(0, 22), part(1, 22)], [row(0), row(1)])
    assert seen.hops_ms == {"camera": 1, "queue": 2, "inference": 10, "verdict": 1, "decision": 6, "gate": 2}
    assert seen.gate_latency is not None
    assert seen.gate_latency.p50_ms == seen.gate_latency.worst_ms == sum(seen.hops_ms.values()) == 22


def test_a_reject_is_known_when_it_is_decided() -> None:
    seen = trial([part(0)], [row(0, Reason.ANOMALY)])
    assert seen.gate_latency is not None
    assert seen.gate_latency.worst_ms == 20


def test_lost_parts_have_no_latency() -> None:
    seen = trial([part(0)], [row(0, Reason.NO_VERDICT)])
    assert (seen.gate_latency, seen.hops_ms, seen.answered_hz) == (None, {}, 0.0)


def test_batches_are_told_apart_by_their_start_and_the_rate_by_their_ends() -> None:
    together = {"inference_start_ns": 3 * MS, "inference_end_ns": 13 * MS}
    rows = [row(0, **together), row(1, **together), row(2)]
    seen = trial([part(n) for n in range(3)], rows)
    assert seen.batches == {2: 1, 1: 1}
    assert seen.answered_hz == pytest.approx(2 / 0.2)
