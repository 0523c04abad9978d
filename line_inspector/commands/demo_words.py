"""The demo's summary in words."""

import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from line_inspector.config import Line
from line_inspector.simulation.summary import Summary


def in_words(told: Summary, line: Line, line_file: Path, challenges: Mapping[str, int] | None = None) -> str:
    """What a person reads at the end; a sentence that would say nothing is left out."""
    return "\n".join(["", *_sentences(told), *_challenged(challenges or {}), *_further(line, line_file)])


def _sentences(told: Summary) -> Iterator[str]:
    yield f"Parts that passed the camera: {told.triggers} = {told.accepted} accepted + {told.rejected} rejected."
    if told.by_reason:
        yield f"Why: {', '.join(f'{reason} {count}' for reason, count in told.by_reason.items())}."
    if told.defective:
        yield f"Defective: {told.defective - told.defective_accepted} of {told.defective} rejected."
    if told.good:
        yield f"Good: {told.good - told.good_rejected} of {told.good} accepted."
    yield f"Parts accepted without inspection: {told.uninspected_accepted} (must be 0)."
    yield f"Late decisions: {told.late_decisions}."
    if told.ledger_gaps:
        yield f"Parts missing from the ledger: {told.ledger_gaps} (must be 0)."
    latency = told.decision_latency_ms
    if latency.p50 is not None and latency.p99 is not None:
        yield f"From trigger to decision: median {latency.p50:.0f} ms, 99 % within {latency.p99:.0f} ms."


def _challenged(counts: Mapping[str, int]) -> Iterator[str]:
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    if told:
        yield f"Known defects put in between the parts: {told}."


def _further(line: Line, line_file: Path) -> Iterator[str]:
    yield f"Look further: {_program()} ledger report {_from_here(line_file)}"
    yield f"              pictures in {_from_here(line.archive_dir)}, log in {_from_here(line.data_dir / 'line.log')}"


def _program() -> str:
    """This program as it can be typed here: what `make` installs is not on the PATH."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return f"{_from_here(Path(sys.executable))} -m line_inspector"
    found = shutil.which(started.name)
    return started.name if found and started.exists() and started.samefile(found) else _from_here(started)


def _from_here(path: Path) -> str:
    """For a shell, relative to the working directory where it lies below it; links are left as they are."""
    whole = Path.cwd() / path
    return shlex.quote(str(whole.relative_to(Path.cwd())) if whole.is_relative_to(Path.cwd()) else str(whole))
