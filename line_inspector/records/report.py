"""What the ledger says of a time on the line: counts, reject reasons, and how long each hop took."""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from line_inspector.challenge_record import ChallengeOutcome, ChallengeRecord
from line_inspector.part_record import PartRecord, Reason, views_of

# name of a hop: the fields of PartRecord between which it lies
HOPS = {
    "trigger_to_capture": ("trigger_ns", "captured_ns"),
    "capture_to_inference": ("captured_ns", "inference_start_ns"),
    "inference": ("inference_start_ns", "inference_end_ns"),
    "inference_to_verdict": ("inference_end_ns", "verdict_ns"),
    "verdict_to_decision": ("verdict_ns", "decided_ns"),
    "trigger_to_decision": ("trigger_ns", "decided_ns"),
}


@dataclass(frozen=True)
class Latency:
    """How long a hop took over `count` parts that made it, in milliseconds."""

    count: int
    p50: float
    p90: float
    p99: float
    max: float


@dataclass(frozen=True)
class Report:
    """`by_reason` counts rejected parts; `latency_ms` holds the hops of HOPS that any part made.

    `balanced`: triggers = accepted + rejected, each counted by itself, every rejected part has its reason, and none is
    accepted for another reason than good. A view that came after its part was decided is in `late_views` and in no
    other count. `missing_numbers` are numbers between the first and the last of a run of numbered parts,
    `<run>-<number>`, that no row has: a part that is still under way, or that never came to be written. They are given
    out before a part is written, so they prove nothing. `missing_rows` were taken out of the ledger (missing_rows.py).
    `late_decisions` stood only after their deadline; `first_wall_ns` and `last_wall_ns` are triggers, Unix time.
    """

    triggers: int
    accepted: int
    rejected: int
    balanced: bool
    missing_numbers: int
    missing_rows: int
    by_reason: dict[str, int]
    late_views: int
    late_decisions: int
    first_wall_ns: int | None
    last_wall_ns: int | None
    latency_ms: dict[str, Latency]

    @property
    def adds_up(self) -> bool:
        """Whether it is balanced, and no row was taken out."""
        return self.balanced and not self.missing_rows

    @property
    def headline(self) -> str:
        """The equation of the parts, and whether it can be believed."""
        equation = f"{self.triggers} triggers = {self.accepted} accepted + {self.rejected} rejected"
        if self.adds_up:
            return equation
        gone = f"; rows taken out of the ledger: {self.missing_rows}" if self.missing_rows else ""
        return f"does NOT add up: {equation}{gone}"


class Numbering:
    """Runs of numbered parts: which number was the least and the greatest of each, and how many were seen."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[int, int, int]] = {}

    def saw(self, part_id: str) -> None:
        """Counts a part; one whose id does not end in a number is no part of a run."""
        run, dash, digits = part_id.rpartition("-")
        if dash and digits.isascii() and digits.isdigit() and len(digits) < 19:
            number = int(digits)
            least, greatest, seen = self._runs.get(run, (number, number, 0))
            self._runs[run] = (min(least, number), max(greatest, number), seen + 1)

    @property
    def missing(self) -> int:
        """Numbers within the runs that were not seen."""
        return sum(greatest - least + 1 - seen for least, greatest, seen in self._runs.values())


def report(records: Iterable[PartRecord], missing_rows: int = 0) -> Report:
    """Sums up the records, in one pass. `missing_rows` is what the ledger's chain says of the same time."""
    reasons: Counter[str] = Counter()
    hops = {name: array("q") for name in HOPS}  # 8 bytes a part and hop: a ledger holds many months
    numbering = Numbering()
    triggers = accepted = rejected = late = late_views = misnamed = 0
    first_wall_ns: int | None = None
    last_wall_ns: int | None = None
    for record in records:
        views = views_of(record)
        for part_id in [view.part_id for view in views] or [record.part_id]:
            numbering.saw(part_id)
        if record.reason is Reason.LATE_VIEW:
            late_views += 1
            misnamed += record.accepted
            continue
        accepted += record.accepted
        misnamed += record.accepted is not (record.reason is Reason.GOOD)
        late += record.decided_ns > record.deadline_ns
        wall_ns = record.trigger_wall_ns
        triggers += 1
        first_wall_ns = wall_ns if first_wall_ns is None else min(first_wall_ns, wall_ns)
        last_wall_ns = wall_ns if last_wall_ns is None else max(last_wall_ns, wall_ns)
        if not record.accepted:
            rejected += 1
            reasons[record.reason.value] += 1
        for name, (start, end) in HOPS.items():
            start_ns, end_ns = getattr(record, start), getattr(record, end)
            if views and start == "trigger_ns":  # the times are those of the view that decided, on its own trigger
                start_ns = next((v.trigger_ns for v in views if v.captured_ns == record.captured_ns), start_ns)
            if start_ns is not None and end_ns is not None:
                hops[name].append(end_ns - start_ns)
    return Report(
        triggers=triggers,
        accepted=accepted,
        rejected=rejected,
        balanced=triggers == accepted + rejected == accepted + reasons.total() and not misnamed,
        missing_numbers=numbering.missing,
        missing_rows=missing_rows,
        by_reason=dict(reasons.most_common()),
        late_views=late_views,
        late_decisions=late,
        first_wall_ns=first_wall_ns,
        last_wall_ns=last_wall_ns,
        latency_ms={name: _latency(durations) for name, durations in hops.items() if durations},
    )


def challenge_counts(records: Iterable[ChallengeRecord]) -> dict[str, int]:
    """How many challenges passed, were missed (accepted), or were rejected for another reason than being a defect."""
    counts = Counter(record.outcome for record in records)
    return {outcome.value: counts[outcome] for outcome in ChallengeOutcome}


def _latency(durations_ns: Sequence[int]) -> Latency:
    """Percentiles by the nearest rank, so that each is the time of a real part."""
    milliseconds = np.asarray(durations_ns, np.int64) / 1e6
    p50, p90, p99 = np.percentile(milliseconds, (50, 90, 99), method="inverted_cdf").tolist()
    return Latency(len(durations_ns), p50, p90, p99, float(np.max(milliseconds)))
