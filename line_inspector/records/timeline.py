"""Parts over time, in equal spans: what the shift report's table and chart show."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from line_inspector.part_record import PartRecord, Reason

MOST_SPANS = 48
MINUTE_NS = 60_000_000_000
HOUR_NS = 60 * MINUTE_NS
WIDTHS_NS = (MINUTE_NS, 5 * MINUTE_NS, 15 * MINUTE_NS, HOUR_NS, 6 * HOUR_NS, 24 * HOUR_NS, 168 * HOUR_NS)


@dataclass
class Span:
    """Parts triggered from `begin_wall_ns` on, Unix time, and before the next span; rejected ones by their reason."""

    begin_wall_ns: int
    accepted: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)

    @property
    def rejected(self) -> int:
        """Parts that were not accepted."""
        return self.by_reason.total()

    def add(self, record: PartRecord) -> None:
        """Counts the part."""
        if record.accepted:
            self.accepted += 1
        else:
            self.by_reason[record.reason.value] += 1


def span_width_ns(first_wall_ns: int, last_wall_ns: int) -> int:
    """The shortest of the usual widths with which a time has at most MOST_SPANS spans, or so many weeks."""
    length_ns = last_wall_ns - first_wall_ns
    fitting = (width for width in WIDTHS_NS if length_ns < (MOST_SPANS - 1) * width)
    return next(fitting, (length_ns // (MOST_SPANS - 1) // WIDTHS_NS[-1] + 1) * WIDTHS_NS[-1])


def timeline(records: Iterable[PartRecord], width_ns: int) -> list[Span]:
    """The spans from the first part to the last, oldest first; spans without a part are there, too."""
    spans: dict[int, Span] = {}
    for record in records:
        if record.reason is Reason.LATE_VIEW:  # of a part that counts already
            continue
        begin_wall_ns = record.trigger_wall_ns // width_ns * width_ns
        spans.setdefault(begin_wall_ns, Span(begin_wall_ns)).add(record)
    if not spans:
        return []
    begins = range(min(spans), max(spans) + 1, width_ns)
    if len(begins) > 2 * MOST_SPANS:  # more parts have come, of a clock that jumped
        return [spans[begin] for begin in sorted(spans)]
    return [spans.get(begin) or Span(begin) for begin in begins]
