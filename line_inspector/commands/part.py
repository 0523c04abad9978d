"""`line-inspector part`: all that the ledger knows of one part."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from line_inspector.line_file import read_line_file
from line_inspector.part_record import ViewRecord, views_of

if TYPE_CHECKING:
    from line_inspector.records.trace import PartTrace


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("part")(part)


def part(
    part_id: Annotated[
        str, typer.Argument(help="id of the part, as on the page and in the names of archived pictures", metavar="ID")
    ],
    line_file: Annotated[Path, typer.Argument(help="the line file", metavar="LINE.yaml")],
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Trace one part: its decision and why, the time of every hop, its model and threshold, its images.

    Exit code 1 where the ledger does not know it.
    """
    from line_inspector.records.trace import newest_part_id, trace

    line = read_line_file(line_file)
    found = trace(line.ledger_url, line.archive_dir, part_id)
    if found is None:
        newest = newest_part_id(line.ledger_url)
        ids = f"the page shows ids, and pictures in {line.archive_dir} are named by them; the newest is {newest!r}"
        remark = "it holds none yet" if newest is None else ids
        print(f"the ledger of line {line.line} knows no part {part_id!r}: {remark}", file=sys.stderr)
        raise typer.Exit(1)
    document = _document(line.line, found)
    print(json.dumps(document, indent=2) if as_json else _in_words(document))


def _document(line: str, found: "PartTrace") -> dict[str, object]:
    record = found.record
    document: dict[str, object] = {
        "line": line,
        "part_id": record.part_id,
        "camera": record.camera,
        "gate": "accept" if record.accepted else "reject",
        "reason": record.reason.value,
        "detail": record.detail,
        "trigger": _moment(record.trigger_wall_ns),
        "ms_since_trigger": found.times_ms,
        "model": record.model_version or None,
        "threshold": record.threshold,
        "score": record.score,
        "fingerprint": None if record.fingerprint is None else f"{record.fingerprint & 0xFFFF_FFFF_FFFF_FFFF:08x}",
        "views": [_view(view) for view in views_of(record)] or None,
        "image": _path(found, found.image),
        "heat": _path(found, found.heat),
        "missing": [str(path) for path in found.missing] or None,
        "retired": None,
        "ledger_row": found.number,
        "ledger_hash": found.hash,
    }
    if found.retired_wall_ns is not None:
        document["retired"] = {"at": _moment(found.retired_wall_ns), "why": found.retired_why}
    return document


def _path(found: "PartTrace", path: Path | None) -> str | None:
    return None if path is None or path in found.missing else str(path)


def _view(view: ViewRecord) -> str:
    score = "no verdict" if view.score is None else f"score {view.score:.4f}"
    return f"{view.camera} {view.part_id}: {view.reason}, {score}" + (f" ({view.detail})" if view.detail else "")


def _in_words(document: dict[str, object]) -> str:
    """A line for each fact; a fact that is not there says so."""
    lines = []
    for key, value in document.items():
        if isinstance(value, dict):
            lines.append(f"{key.replace('_', ' ')}:")
            lines += [f"  {name.replace('_', ' '):17} {_shown(inner):>10}" for name, inner in value.items()]
        elif isinstance(value, list):
            lines += [f"{key.replace('_', ' ')}:", *(f"  {item}" for item in value)]
        elif value != "":
            lines.append(f"{key.replace('_', ' '):19} {_shown(value)}")
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else f"{value:.1f}"
    return "-" if value is None else str(value)


def _moment(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns / 1e9).astimezone().isoformat(timespec="milliseconds")
