"""Some seconds of parts at one rate: what became of them, and how long each hop took."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from line_inspector.bench.timing import Spread, spread
from line_inspector.part_record import PartRecord, Reason
from line_inspector.simulation.record import BinnedPart

INSPECTED = (Reason.GOOD, Reason.ANOMALY)
UNRECORDED = "not in the ledger"
LATE = "decided late"
HOPS = {  # name: from, to; the gate's own moment stands in no row
    "camera": ("trigger_ns", "captured_ns"),
    "queue": ("captured_ns", "inference_start_ns"),
    "inference": ("inference_start_ns", "inference_end_ns"),
    "verdict": ("inference_end_ns", "verdict_ns"),
    "decision": ("verdict_ns", "decided_ns"),
}
GATE = "gate"


@dataclass(frozen=True)
class Trial:
    """The world's parts, and the ledger's rows by part id."""

    cameras: int
    rate_hz: float
    parts: Sequence[BinnedPart]
    rows: Mapping[str, PartRecord]

    @property
    def lost(self) -> Counter[str]:
        """Parts without a verdict in time, by reason."""
        return Counter(why for part in self.parts if (why := self._lost(part)))

    @property
    def gate_latency(self) -> Spread | None:
        """From trigger to the gate's knowing: the accept has come, or the reject is decided. None without a part."""
        times_ns = [self._known_ns(part) - part.trigger_ns for part in self._inspected()]
        return spread(times_ns) if times_ns else None

    @property
    def hops_ms(self) -> dict[str, float]:
        """The median of each hop over the inspected parts; empty without one."""
        inspected = self._inspected()
        if not inspected:
            return {}
        rows = [self.rows[part.part_id] for part in inspected]
        hops = {name: median(getattr(r, end) - getattr(r, begin) for r in rows) for name, (begin, end) in HOPS.items()}
        gate = median(self._known_ns(part) - self.rows[part.part_id].decided_ns for part in inspected)
        return {name: ns / 1e6 for name, ns in (hops | {GATE: gate}).items()}

    @property
    def batches(self) -> Counter[int]:
        """How many batches there were of each size."""
        starts = Counter(row.inference_start_ns for row in self._answered())
        return Counter(starts.values())

    @property
    def answered_hz(self) -> float:
        """Verdicts per second, from the first to the last; 0 with fewer than two."""
        ends = sorted(row.inference_end_ns for row in self._answered() if row.inference_end_ns)
        return (len(ends) - 1) * 1e9 / (ends[-1] - ends[0]) if len(ends) > 1 and ends[-1] > ends[0] else 0.0

    def _lost(self, part: BinnedPart) -> str:
        row = self.rows.get(part.part_id)
        if row is None:
            return UNRECORDED
        if row.reason not in INSPECTED:
            return row.reason.value
        return LATE if row.decided_ns > row.deadline_ns else ""

    def _inspected(self) -> list[BinnedPart]:
        return [part for part in self.parts if not self._lost(part)]

    def _answered(self) -> list[PartRecord]:
        """Whatever had a verdict, also one that came too late."""
        rows = (self.rows.get(part.part_id) for part in self.parts)
        return [row for row in rows if row is not None and row.inference_start_ns is not None]

    def _known_ns(self, part: BinnedPart) -> int:
        return part.accept_received_ns or self.rows[part.part_id].decided_ns
