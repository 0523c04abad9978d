"""`line-inspector ledger verify`: whether the ledger is as it was written."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from line_inspector.errors import InputError
from line_inspector.line_file import read_line_file


def verify(
    line_file: Annotated[Path, typer.Argument(help="the line file", metavar="LINE.yaml")],
    head: Annotated[
        list[str] | None, typer.Option(help="a head that an earlier verify printed, and that must still be there")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Check the hash chains, what rows say of each other, and that archived files are there or retired.

    Exit code 1 where something is broken; the first broken row of each kind is named.
    """
    from line_inspector.records.verification import verify as verify_ledger

    for one in head or []:
        if not re.fullmatch(r"[0-9a-f]{64}", one):
            raise InputError("is not a hash", f"--head {one}", "Give the 64 digits that an earlier verify printed")
    line = read_line_file(line_file)
    found = verify_ledger(line.ledger_url, line.archive_dir, head or [])
    if as_json:
        print(json.dumps({"line": line.line, "intact": not found.faults, **asdict(found)}, indent=2))
    else:
        print(f"audit: {found.audit_rows} rows hold, head {found.audit_head}")
        print(f"parts: {found.chained_parts} rows hold, head {found.parts_head}")
        print(f"challenges: {found.challenges} rows hold, head {found.challenges_head}")
        if found.unchained_parts:
            print(f"parts: {found.unchained_parts} from before the chain are only counted")
        for fault in found.faults:
            print(f"broken: {fault}")
        if not found.faults:
            print("intact; note the heads elsewhere: a later verify --head HASH shows whether rows were cut off since")
    raise typer.Exit(1 if found.faults else 0)
