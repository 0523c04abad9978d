"""`line-inspector ledger`: what the ledger says of the parts so far, also while the line runs."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from line_inspector.errors import InputError
from line_inspector.line_file import read_line_file

if TYPE_CHECKING:
    from line_inspector.records.report import Report


def register(app: typer.Typer) -> None:
    app.command("ledger")(ledger)


def ledger(
    line_file: Path = typer.Argument(help="the line file", metavar="LINE.yaml"),
    as_json: bool = typer.Option(False, "--json", help="print one JSON document"),
    since: datetime | None = typer.Option(None, help="only parts triggered from this local time on"),
) -> None:
    """Print triggers, accepted, rejected, reject reasons and latencies from the ledger."""
    from line_inspector.records.reading import read_parts
    from line_inspector.records.report import report

    line = read_line_file(line_file)
    since_wall_ns = _wall_ns(since) if since else None
    found = report(read_parts(line.ledger_url, since_wall_ns))
    if as_json:
        print(json.dumps(_document(line.line, found), indent=2))
    else:
        _print_tables(Console(), line.line, found)


def _wall_ns(since: datetime) -> int:
    """Unix time. The ledger holds 64 bits of nanoseconds, which end in the years 1677 and 2262."""
    try:
        wall_ns = int(since.timestamp() * 1e9)
    except (ValueError, OverflowError):  # the local time lies outside the years 1 to 9999 in UTC
        wall_ns = 2**63
    if not -(2**63) <= wall_ns < 2**63:
        raise InputError("is a time that no ledger can hold", f"--since {since}", "Give one from 1678 to 2261")
    return wall_ns


def _document(line: str, found: "Report") -> dict[str, object]:
    document = {"line": line, **asdict(found)}
    for key in ("first", "last"):
        wall_ns = document.pop(f"{key}_wall_ns")
        document[f"{key}_trigger"] = None if wall_ns is None else _time(wall_ns).isoformat()
    return document


def _print_tables(console: Console, line: str, found: "Report") -> None:
    counts = Table("parts", "", title=f"Ledger of line {line}", title_justify="left")
    counts.columns[1].justify = "right"
    counts.add_row("triggers", str(found.triggers))
    counts.add_row("accepted", str(found.accepted))
    counts.add_row("rejected", str(found.rejected))
    for reason, count in found.by_reason.items():
        counts.add_row(f"  {reason}", str(count))
    counts.add_row("decided after the deadline", str(found.late_decisions))
    console.print(counts)
    if found.first_wall_ns is None or found.last_wall_ns is None:
        return
    console.print(
        f"from {_time(found.first_wall_ns):%Y-%m-%d %H:%M:%S} to {_time(found.last_wall_ns):%Y-%m-%d %H:%M:%S}"
    )
    latencies = Table("latency in ms", "parts", "p50", "p90", "p99", "max")
    for column in latencies.columns[1:]:
        column.justify = "right"
    for name, hop in found.latency_ms.items():
        times = (f"{value:.1f}" for value in (hop.p50, hop.p90, hop.p99, hop.max))
        latencies.add_row(name.replace("_", " "), str(hop.count), *times)
    console.print(latencies)


def _time(wall_ns: int) -> datetime:
    return datetime.fromtimestamp(wall_ns / 1e9, UTC).astimezone()
