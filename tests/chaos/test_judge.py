"""judge.py: what counts against the line, over records made by hand."""

import dataclasses
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from line_inspector.chaos.judge import Blow, Evidence, outcome, properly_accepted, total
from line_inspector.commands.chaos_report import Report
from line_inspector.line_file import read_line_file
from line_inspector.part_record import PartRecord, Reason
from line_inspector.simulation.gate import Why
from line_inspector.simulation.record import BinnedPart

DEMO = Path(__file__).parents[2] / "config" / "demo.yaml"
MS = 1_000_000
TRAVEL = 1200
SPACING = 250
BLOW = Blow("kill_decision", "", injected_ns=10_000 * MS, healed_ns=10_000 * MS, until_ns=20_000 * MS)


def part(trigger_ms: int, bin: str = "accept", *, defective: bool = False, number: int | None = None) -> BinnedPart:
    accepted = bin == "accept"
    return BinnedPart(
        part_id=f"top-1-{trigger_ms if number is None else number:06d}",
        camera="top",
        trigger_ns=trigger_ms * MS,
        gate_ns=(trigger_ms + TRAVEL) * MS,
        defective=defective,
        defect="dent" if defective else "",
        file="",
        seed=1,
        bin="accept" if accepted else "reject",
        why=Why.ACCEPTED if accepted else Why.NO_ACCEPT,
        accept_received_ns=(trigger_ms + 65) * MS if accepted else None,
    )


def row(of: BinnedPart, reason: Reason = Reason.GOOD, **changes: Any) -> PartRecord:
    seen = reason in (Reason.GOOD, Reason.ANOMALY)
    record = PartRecord(
        part_id=of.part_id,
        camera=of.camera,
        trigger_wall_ns=0,
        trigger_ns=of.trigger_ns,
        captured_ns=of.trigger_ns + 10 * MS if seen else None,
        inference_start_ns=of.trigger_ns + 20 * MS if seen else None,
        inference_end_ns=of.trigger_ns + 50 * MS if seen else None,
        verdict_ns=of.trigger_ns + 55 * MS if seen else None,
        decided_ns=of.trigger_ns + 60 * MS,
        deadline_ns=of.gate_ns - 80 * MS,
        gate_ns=of.gate_ns,
        accepted=reason is Reason.GOOD,
        reason=reason,
        detail="",
        score=(0.1 if reason is Reason.GOOD else 0.9) if seen else None,
        threshold=0.5 if seen else None,
        model_version="v1" if seen else "",
        fingerprint=7 if seen else None,
    )
    return replace(record, **changes)


def evidence(
    parts: Iterable[BinnedPart], rows: Iterable[PartRecord], scores: dict[str, float] | None = None
) -> Evidence:
    parts = list(parts)
    return Evidence(parts, {row.part_id: row for row in rows}, {part.part_id: 7 for part in parts}, scores or {})


def belt(first_ms: int, last_ms: int) -> list[BinnedPart]:
    return [part(ms) for ms in range(first_ms, last_ms, SPACING)]


def test_a_line_that_nothing_harmed() -> None:
    parts = belt(8_000, 15_000)
    found = outcome(BLOW, evidence(parts, map(row, parts)))
    assert found.count.faultless and found.count.unseen_rejected == 0
    assert found.parts_in_flight == 5, "triggered 1.2 s before at most, by 4 parts a second"
    assert found.count.parts == sum(part.gate_ns >= BLOW.injected_ns for part in parts)
    assert found.safe_after_ms == 0
    assert found.service_after_ms == 60, "a part came at that very moment, and was decided 60 ms later"


def test_parts_that_the_fault_cost_are_no_danger() -> None:
    parts = belt(8_000, 10_000) + [part(ms, "reject") for ms in range(10_000, 12_000, SPACING)] + belt(12_000, 15_000)
    rows = [row(p, Reason.GOOD if p.bin == "accept" else Reason.NO_VERDICT) for p in parts]
    found = outcome(BLOW, evidence(parts, rows))
    assert found.count.faultless and found.count.unseen_rejected == found.count.good_rejected == 8
    assert (found.safe_after_ms, found.service_after_ms) == (0, 2_060)


def test_without_service_there_is_no_time_to_service() -> None:
    parts = belt(8_000, 9_900) + [part(ms, "reject") for ms in range(10_000, 15_000, SPACING)]
    rows = [row(p, Reason.GOOD if p.bin == "accept" else Reason.NO_VERDICT) for p in parts]
    assert outcome(BLOW, evidence(parts, rows)).service_after_ms is None


def test_service_is_not_a_part_that_the_gate_rejected() -> None:
    parts = [part(10_100, "reject"), part(11_000)]
    found = outcome(BLOW, evidence(parts, map(row, parts)))
    assert found.service_after_ms == 1_060


@pytest.mark.parametrize(
    "changes",
    [
        {"accepted": False},
        {"reason": Reason.ANOMALY},
        {"reason": Reason.NO_VERDICT},
        {"score": None},
        {"score": 0.5},
        {"score": float("nan")},
        {"score": -0.1},
        {"threshold": None},
        {"threshold": float("inf")},
        {"model_version": ""},
        {"fingerprint": None},
        {"fingerprint": 8},
        {"captured_ns": None},
        {"captured_ns": 11_999 * MS},
        {"verdict_ns": None},
        {"decided_ns": 12_050 * MS},
        {"decided_ns": 13_121 * MS},
        {"decided_ns": 12_070 * MS},
        {"deadline_ns": 12_060 * MS},
        {"camera": "left"},
        {"trigger_ns": 11_990 * MS},
    ],
    ids=str,
)
@pytest.mark.parametrize("defective", [False, True])
def test_whatever_is_missing_makes_an_accepted_part_uninspected(changes: dict[str, Any], defective: bool) -> None:
    parts = [*belt(10_000, 12_000), part(12_000, defective=defective), *belt(12_250, 14_000)]
    rows = [row(p, **(changes if p.trigger_ns == 12_000 * MS else {})) for p in parts]
    found = outcome(BLOW, evidence(parts, rows))
    assert (found.count.uninspected_accepted, found.count.defective_accepted) == (1, int(defective))
    assert found.count.missed_by_model == found.count.ledger_gaps == 0
    assert found.safe_after_ms == 12_250 + TRAVEL - 10_000, "until the next part was let pass as it should be"


def test_an_accept_that_never_came_is_no_accept() -> None:
    parts = [replace(part(12_000), accept_received_ns=None)]
    assert outcome(BLOW, evidence(parts, map(row, parts))).count.uninspected_accepted == 1


def test_a_part_without_a_row_is_a_gap_and_uninspected_when_accepted() -> None:
    parts = belt(10_000, 12_000)
    found = outcome(BLOW, evidence(parts, [row(p) for p in parts[1:]]))
    assert (found.count.ledger_gaps, found.count.uninspected_accepted) == (1, 1)
    parts[0] = part(10_000, "reject")
    found = outcome(BLOW, evidence(parts, [row(p) for p in parts[1:]]))
    assert (found.count.ledger_gaps, found.count.uninspected_accepted) == (1, 0)


def test_a_row_without_a_part_is_a_gap() -> None:
    parts = belt(10_000, 12_000)
    found = outcome(BLOW, evidence(parts, [*map(row, parts), row(part(11_100))]))
    assert found.count.ledger_gaps == 1


def test_the_unsafe_time_ends_at_the_last_part_where_none_follows() -> None:
    parts = belt(10_000, 12_000)
    found = outcome(BLOW, evidence(parts, [row(p, score=None) for p in parts]))
    assert found.safe_after_ms == (parts[-1].gate_ns - BLOW.injected_ns) / MS


def test_a_reject_makes_it_safe() -> None:
    parts = [part(10_000), part(10_250), part(10_500, "reject"), part(10_750)]
    rows = [row(parts[0], score=None), row(parts[1]), row(parts[2], Reason.NO_VERDICT), row(parts[3])]
    assert outcome(BLOW, evidence(parts, rows)).safe_after_ms == 250 + TRAVEL


def test_what_the_model_misses_in_peace_as_well_is_not_the_lines_fault() -> None:
    missed = part(12_000, defective=True)
    for scores, caused in (({}, 0), ({missed.part_id: 0.1}, 0), ({missed.part_id: 0.7}, 1)):
        found = outcome(BLOW, evidence([missed], [row(missed)], scores))
        assert (found.count.defective_accepted, found.count.missed_by_model) == (caused, 1 - caused)
        assert found.count.uninspected_accepted == 0
        assert found.count.faultless is not bool(caused)


def test_a_deaf_gate_that_lets_pass_is_wrong_whatever_the_ledger_says() -> None:
    blow = Blow("cut_gate", "", 10_000 * MS, 12_000 * MS, 20_000 * MS, deaf_from_ns=10_250 * MS)
    parts = [part(ms - TRAVEL) for ms in (10_100, 10_249, 10_250, 11_999, 12_000)]
    found = outcome(blow, evidence(parts, map(row, parts)))
    assert found.count.uninspected_accepted == 2
    assert total([blow], evidence(parts, map(row, parts))).uninspected_accepted == 2


KINDS = ("good", "missed", "caught", "lost", "uninspected", "gap", "wrong pixels")


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Blow], Evidence, list[str]]:
    """A run of some faults, and of parts each of which is of one kind."""
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=60))
    cuts = sorted(draw(st.lists(st.integers(0, 20_000), min_size=1, max_size=5, unique=True)))
    ends = [*cuts[1:], 40_000]
    blows = [
        Blow(f"fault {n}", "", start * MS, (start + min(end - start, 100)) * MS, end * MS)
        for n, (start, end) in enumerate(zip(cuts, ends, strict=True))
    ]
    parts, rows = [], []
    for number, kind in enumerate(kinds):
        rejected = kind in ("caught", "lost")
        made = part(number * SPACING, "reject" if rejected else "accept", defective=kind in ("missed", "caught"))
        parts.append(made)
        reason = {"caught": Reason.ANOMALY, "lost": Reason.NO_VERDICT}.get(kind, Reason.GOOD)
        changes = {"uninspected": {"score": None}, "wrong pixels": {"fingerprint": 8}}.get(kind, {})
        if kind != "gap":
            rows.append(row(made, reason, **changes))
    order = draw(st.integers(0, 1000))
    random.Random(order).shuffle(parts)
    return blows, evidence(parts, rows), kinds


@given(runs())
def test_the_total_is_what_the_kinds_of_parts_say(run: tuple[list[Blow], Evidence, list[str]]) -> None:
    blows, found, kinds = run
    count = total(blows, found)
    assert count.parts == len(kinds)
    assert count.uninspected_accepted == sum(kind in ("uninspected", "gap", "wrong pixels") for kind in kinds)
    assert count.ledger_gaps == kinds.count("gap")
    assert count.missed_by_model == kinds.count("missed")
    assert count.defective_accepted == 0
    assert count.unseen_rejected == kinds.count("lost")
    assert count.accepted == len(kinds) - kinds.count("caught") - kinds.count("lost")


@given(runs())
def test_every_part_counts_for_one_fault_at_most_and_all_before_the_first_for_none(
    run: tuple[list[Blow], Evidence, list[str]],
) -> None:
    blows, found, _ = run
    outcomes = [outcome(blow, found) for blow in blows]
    before = sum(part.gate_ns < blows[0].injected_ns for part in found.parts)
    assert sum(each.count.parts for each in outcomes) == len(found.parts) - before
    for each in outcomes:
        assert (each.safe_after_ms > 0) <= (each.count.uninspected_accepted > 0)
        assert each.safe_after_ms >= 0
        assert each.service_after_ms is None or each.service_after_ms >= 0
    if before == 0:
        for key in ("uninspected_accepted", "defective_accepted", "ledger_gaps", "missed_by_model", "unseen_rejected"):
            assert sum(getattr(each.count, key) for each in outcomes) == getattr(total(blows, found), key)


@given(runs(), st.randoms(use_true_random=False))
def test_losing_a_row_is_always_noticed(run: tuple[list[Blow], Evidence, list[str]], rng: random.Random) -> None:
    blows, found, _ = run
    if not found.rows:
        return
    lost = rng.choice(sorted(found.rows))
    less = Evidence(found.parts, {k: v for k, v in found.rows.items() if k != lost}, found.true_fingerprints, {})
    assert total(blows, less).ledger_gaps == total(blows, found).ledger_gaps + 1


@given(runs())
def test_a_rejected_part_is_never_properly_accepted(run: tuple[list[Blow], Evidence, list[str]]) -> None:
    _, found, _ = run
    for each in found.parts:
        assert not (each.bin == "reject" and properly_accepted(each, found))


@pytest.mark.parametrize(("accepts_again", "interrupted", "kept"), [(1, 0, 1), (0, 0, 0), (0, 1, 1)])
def test_a_line_that_never_serves_again_has_not_kept_its_promise(
    accepts_again: int, interrupted: int, kept: int, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [*belt(8_000, 8_500), *(belt(10_500, 15_000) if accepts_again else [])]
    report = Report(read_line_file(DEMO), ["kill_decision"], seed=1, model="m", as_json=False)
    assert report.close([BLOW], evidence(parts, map(row, parts)), interrupted=bool(interrupted)) == bool(kept)
    assert f"Never served again: {1 - accepts_again} (must be 0)" in capsys.readouterr().out


@pytest.mark.parametrize("recovered", [True, False])
def test_a_station_that_did_not_come_back_is_told_though_parts_are_accepted(
    recovered: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [*belt(8_000, 8_500), *belt(10_500, 15_000)]
    report = Report(read_line_file(DEMO), ["kill_decision"], seed=1, model="m", as_json=False)
    blow = dataclasses.replace(BLOW, recovered=recovered)
    assert report.close([blow], evidence(parts, map(row, parts)), interrupted=False), "it is told, no promise is broken"
    assert ("not every station was back before the next fault" in capsys.readouterr().out) != recovered


@pytest.mark.parametrize("as_json", [True, False])
def test_what_cannot_be_done_and_what_was_not_reached_are_told_apart(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [*belt(8_000, 8_500), *belt(10_500, 15_000)]
    names = ["kill_decision", "kill_worker", "fill_disk", "cut_gate"]
    report = Report(read_line_file(DEMO), names, seed=1, model="m", as_json=as_json)
    report.not_possible = {"kill_worker": "this line has no worker"}
    report.close([BLOW], evidence(parts, map(row, parts)), interrupted=False)
    told = capsys.readouterr().out
    if as_json:
        document = json.loads(told)
        assert document["not_possible"] == {"kill_worker": "this line has no worker"}
        assert document["not_reached"] == ["fill_disk", "cut_gate"]
    else:
        assert "Not possible on this line or machine:\n  kill_worker: this line has no worker.\n" in told
        assert told.endswith("Not reached in this time (--minutes gives more): fill_disk, cut_gate.\n")
