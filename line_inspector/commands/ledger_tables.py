"""The shift report as text for people, and as a table over time for a spreadsheet."""

import csv
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from line_inspector.records.report import Report
    from line_inspector.records.timeline import Span

NUMBERS_WITHOUT_A_ROW = (
    "Numbers without a row are no fault by themselves: such a part is still under way, lies outside of the time asked"
    " for, or never came to be written, see docs/ledger.md. A row that was written and is gone counts as taken out."
)


def print_tables(console: Console, line: str, found: "Report") -> None:
    """Counts, whether they add up, and latencies."""
    counts = Table("parts", "", title=f"Ledger of line {line}", title_justify="left")
    counts.columns[1].justify = "right"
    counts.add_row("triggers", str(found.triggers))
    counts.add_row("accepted", str(found.accepted))
    counts.add_row("rejected", str(found.rejected))
    for reason, count in found.by_reason.items():
        counts.add_row(f"  {reason}", str(count))
    counts.add_row("decided after the deadline", str(found.late_decisions))
    counts.add_row("views after their part's decision", str(found.late_views))
    counts.add_row("numbers without a row", str(found.missing_numbers))
    counts.add_row("rows taken out", str(found.missing_rows))
    console.print(counts)
    console.print(found.headline, highlight=False, soft_wrap=True)
    if found.missing_numbers:
        console.print(NUMBERS_WITHOUT_A_ROW, highlight=False, soft_wrap=True)
    if found.first_wall_ns is None or found.last_wall_ns is None:
        return
    console.print(
        f"from {_local(found.first_wall_ns):%Y-%m-%d %H:%M:%S} to {_local(found.last_wall_ns):%Y-%m-%d %H:%M:%S}"
    )
    latencies = Table("latency in ms", "parts", "p50", "p90", "p99", "max")
    for column in latencies.columns[1:]:
        column.justify = "right"
    for name, hop in found.latency_ms.items():
        times = (f"{value:.1f}" for value in (hop.p50, hop.p90, hop.p99, hop.max))
        latencies.add_row(name.replace("_", " "), str(hop.count), *times)
    console.print(latencies)


def write_table(path: Path, spans: Sequence["Span"], found: "Report") -> None:
    """Writes CSV: a row for each span of time, and the total; a column for each reject reason. Raises OSError.

    Where the report does not add up, its headline is a row of its own at the end.
    """
    reasons = sorted({reason for span in spans for reason in span.by_reason})
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["from", "triggers", "accepted", "rejected", *reasons])
        total = [0] * (3 + len(reasons))
        for span in spans:
            counts = [span.accepted + span.rejected, span.accepted, span.rejected]
            counts += [span.by_reason[reason] for reason in reasons]
            total = [sum(pair) for pair in zip(total, counts, strict=True)]
            rows.writerow([_local(span.begin_wall_ns).isoformat(), *counts])
        rows.writerow(["total", *total])
        if not found.adds_up:
            rows.writerow([found.headline])


def _local(wall_ns: int) -> datetime:
    return datetime.fromtimestamp(wall_ns / 1e9).astimezone()
