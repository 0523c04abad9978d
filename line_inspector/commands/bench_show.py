"""What `line-inspector bench` does: reads the line, measures, prints, draws."""

import json
import sys
import tempfile
from pathlib import Path

from line_inspector.bench.measurement import measure
from line_inspector.commands.bench_picture import write_picture
from line_inspector.commands.bench_words import in_words
from line_inspector.line_file import read_line_file


def show(line_file: Path | None, seconds: float, as_json: bool, picture: Path | None) -> None:
    """Raises InputError, and KeyboardInterrupt when told to stop."""
    given = read_line_file(line_file) if line_file else None
    with tempfile.TemporaryDirectory(prefix="line-inspector-bench-") as name:
        measured = measure(given, Path(name).resolve(), seconds, _say)
    if as_json:
        print(json.dumps(measured.document(), indent=2))
    else:
        print(in_words(measured))
    if picture:
        write_picture(picture, measured.line.rows)
        _say(f"{picture}: the latency of every hop")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
