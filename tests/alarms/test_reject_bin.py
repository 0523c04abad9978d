"""Rejects against the pulses of the bin's sensor: whatever is lost shows, and nothing else does."""

import hypothesis.strategies as st
from hypothesis import given

from line_inspector.actuators.gate import BinReading
from line_inspector.alarms.reject_bin import RejectBin

MS = 1_000_000
SPACING_NS, FALL_NS, TOLERANCE_NS = 100 * MS, 30 * MS, 40 * MS
START = 65_530  # so that the counter wraps


@given(
    parts=st.lists(st.sampled_from(["rejected", "accepted", "lost", "fell though accepted"]), max_size=30),
    late_ms=st.integers(-39, 39),
)
def test_exactly_the_lost_rejects_are_unconfirmed(parts: list[str], late_ms: int) -> None:
    watched, count, lost = RejectBin(FALL_NS, TOLERANCE_NS), START, []
    watched.heard(BinReading(1, count, 0, False))
    for number, what in enumerate(parts, 1):
        gate_ns = number * SPACING_NS
        if what in ("rejected", "lost"):
            watched.rejected(f"part {number}", gate_ns)
        if what in ("rejected", "fell though accepted"):
            count = (count + 1) % 2**16
            watched.heard(BinReading(1, count, gate_ns + FALL_NS + late_ms * MS, False))
        lost += watched.overdue(gate_ns + FALL_NS + late_ms * MS)
    lost += watched.overdue((len(parts) + 2) * SPACING_NS)
    assert lost == [f"part {number}" for number, what in enumerate(parts, 1) if what == "lost"]
    assert watched.unexpected == parts.count("fell though accepted")


def test_a_counter_that_begins_anew_confirms_nothing() -> None:
    watched = RejectBin(0, TOLERANCE_NS)
    watched.heard(BinReading(1, 5, 0, False))
    watched.rejected("a", SPACING_NS)
    watched.heard(BinReading(2, 6, SPACING_NS, False))
    assert watched.overdue(2 * SPACING_NS) == ["a"]


def test_pulses_of_one_reading_confirm_as_many_parts() -> None:
    watched = RejectBin(0, TOLERANCE_NS)
    watched.heard(BinReading(1, 0, 0, False))
    for name, gate_ns in (("a", 10 * MS), ("b", 30 * MS), ("c", 50 * MS)):
        watched.rejected(name, gate_ns)
    watched.heard(BinReading(1, 2, 20 * MS, False))
    assert watched.overdue(SPACING_NS) == ["c"]
