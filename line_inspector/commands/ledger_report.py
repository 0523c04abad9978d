"""`line-inspector ledger report`: triggers = accepted + rejected by reason, for all time or for a shift."""

import json
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from line_inspector.commands.ledger_tables import print_tables, write_table
from line_inspector.commands.ledger_target import CSV_BEGIN, PNG_BEGIN, require_target
from line_inspector.config import Line
from line_inspector.errors import InputError
from line_inspector.line_file import read_line_file

if TYPE_CHECKING:
    from line_inspector.records.report import Report


def report(
    line_file: Annotated[Path, typer.Argument(help="the line file", metavar="LINE.yaml")],
    since: Annotated[
        datetime | None, typer.Option("--from", "--since", help="only parts triggered from this local time on")
    ] = None,
    before: Annotated[datetime | None, typer.Option("--to", help="only parts triggered before this local time")] = None,
    shift: Annotated[str | None, typer.Option(help="a shift of records.shifts in the line file")] = None,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="the shift that began on this day; else the latest")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
    csv: Annotated[Path | None, typer.Option(help="also write a table over time to this file")] = None,
    png: Annotated[Path | None, typer.Option(help="also write a chart to this file")] = None,
) -> None:
    """Print triggers, accepted, rejected, reject reasons and latencies from the ledger.

    Exit code 1 where they do not add up, or rows were taken out of the ledger.
    """
    from line_inspector.records.missing_rows import missing_rows
    from line_inspector.records.reading import read_challenges, read_parts
    from line_inspector.records.report import challenge_counts
    from line_inspector.records.report import report as sum_up

    line = read_line_file(line_file)
    _require_targets(csv, png, line, line_file)
    if shift is not None:
        since, before = _shift(line, shift, day, since or before)
    elif day is not None:
        raise InputError("is the day of a shift, and no shift is named", "--day", "Add --shift NAME")
    period = (_wall_ns("--from", since), _wall_ns("--to", before))
    if period[0] is not None and period[1] is not None and period[0] >= period[1]:
        raise InputError(f"is not before --to {before}", f"--from {since}", "Give the earlier time first")
    found = sum_up(read_parts(line.ledger_url, *period), missing_rows(line.ledger_url, *period))
    challenges = challenge_counts(read_challenges(line.ledger_url, *period))
    if csv or png:
        _write_files(line, found, period, csv, png)
    if as_json:
        print(json.dumps({**_document(line.line, found), "challenges": challenges}, indent=2))
    else:
        print_tables(Console(), line.line, found)
        print(f"challenges: {', '.join(f'{count} {outcome}' for outcome, count in challenges.items())}")
    raise typer.Exit(0 if found.adds_up else 1)


def _require_targets(csv: Path | None, png: Path | None, line: Line, line_file: Path) -> None:
    for option, target, begin in (("--csv", csv, CSV_BEGIN), ("--png", png, PNG_BEGIN)):
        if target:
            require_target(option, target, begin, line, line_file)
    if csv and png and csv.resolve() == png.resolve():
        raise InputError("is the file of --csv, too", f"--png {png}", "Name another file")


def _shift(line: Line, name: str, day: datetime | None, other: datetime | None) -> tuple[datetime, datetime]:
    from line_inspector.records.shift import shift_period

    if other is not None:
        raise InputError("names a time, and so do --from and --to", "--shift", "Give one or the other")
    shifts = line.records.shifts
    if name not in shifts:
        known = f"Known shifts: {', '.join(shifts)}" if shifts else 'Add records.shifts, such as {early: "06:00-14:00"}'
        raise InputError(f"no shift '{name}' in the line file", "--shift", known)
    on: date | None = day.date() if day else None
    return shift_period(shifts[name], on, datetime.now())


def _write_files(
    line: Line, found: "Report", period: tuple[int | None, int | None], csv: Path | None, png: Path | None
) -> None:
    """Reads the parts once more: only now is it known over which time they spread."""
    from line_inspector.records.reading import read_parts
    from line_inspector.records.report_chart import write_chart
    from line_inspector.records.timeline import span_width_ns, timeline

    width_ns = span_width_ns(found.first_wall_ns or 0, found.last_wall_ns or 0)
    spans = timeline(read_parts(line.ledger_url, *period), width_ns)
    if csv:
        write_table(csv, spans, found)
    if png:
        title = f"Line {line.line}"
        if found.first_wall_ns is not None and found.last_wall_ns is not None:
            first, last = (datetime.fromtimestamp(at / 1e9) for at in (found.first_wall_ns, found.last_wall_ns))
            title += f", {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}"
        write_chart(png, title, found, spans, width_ns)


def _wall_ns(option: str, at: datetime | None) -> int | None:
    """Unix time. The ledger holds 64 bits of nanoseconds, which end in the years 1677 and 2262."""
    if at is None:
        return None
    try:
        wall_ns = int(at.timestamp() * 1e9)
    except (ValueError, OverflowError):  # the local time lies outside the years 1 to 9999 in UTC
        wall_ns = 2**63
    if not -(2**63) <= wall_ns < 2**63:
        raise InputError("is a time that no ledger can hold", f"{option} {at}", "Give one from 1678 to 2261")
    return wall_ns


def _document(line: str, found: "Report") -> dict[str, object]:
    document = {"line": line, "adds_up": found.adds_up, "headline": found.headline, **asdict(found)}
    for key in ("first", "last"):
        wall_ns = document.pop(f"{key}_wall_ns")
        document[f"{key}_trigger"] = None if wall_ns is None else _iso(wall_ns)
    return document


def _iso(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns / 1e9).astimezone().isoformat()
