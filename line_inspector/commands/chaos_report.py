"""The report of a chaos test: a line for each fault as it happens, and at the end a table, or one JSON document."""

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from line_inspector.chaos.judge import Blow, Count, Evidence, Outcome, outcome, total
from line_inspector.config import NS_PER_MS, Line
from line_inspector.training.machine import describe_machine

COUNTED = ("uninspected_accepted", "defective_accepted", "ledger_gaps", "unseen_rejected")
KEYS_FIRST = ("name", "parts_in_flight", *COUNTED[:3], "safe_after_ms", "service_after_ms")
COUNTS = ("uninspected", "defective", "gaps", "unseen")
COLUMNS = ("fault", "in flight", *COUNTS, "safe ms", "service ms")
SUMMED_COLUMNS = ("fault", "times", *COUNTS, "safe ms", "service ms", "worst")
WIDTHS = (18, 10, 12, 10, 5, 7, 8, 11, 7)


class Report:
    """Prints to standard output: as JSON once, at the end; otherwise as it goes.

    `names` are the faults that were to be done; `not_possible` says why some cannot be, on this line or machine.
    """

    def __init__(self, line: Line, names: Sequence[str], seed: int, model: str, as_json: bool) -> None:
        self.not_possible: dict[str, str] = {}
        self._names = names
        self._line, self._seed, self._model, self._as_json = line, seed, model, as_json
        self._console = Console(highlight=False)

    def begin(self) -> None:
        """Faults come from now on."""
        if not self._as_json:
            self._console.print(_padded(COLUMNS), style="bold", soft_wrap=True)

    def add(self, blow: Blow, evidence: Evidence) -> None:
        """Shows a fault by what is known now."""
        if not self._as_json:
            found = outcome(blow, evidence)
            style = "" if found.count.faultless and not _never_served_again([found]) else "red"
            self._console.print(f"{_padded(_cells(found))}  {found.detail}", style=style, soft_wrap=True)

    def close(self, blows: list[Blow], evidence: Evidence, *, interrupted: bool) -> bool:
        """Shows everything by what is known now that the line has stopped.

        Returns whether it kept its promise, and served again after every fault.
        """
        outcomes = [outcome(blow, evidence) for blow in blows]
        count = total(blows, evidence)
        minutes = (blows[-1].until_ns - blows[0].injected_ns) / NS_PER_MS / 60_000
        if self._as_json:
            print(json.dumps(self._document(outcomes, count, minutes, interrupted), indent=2))
        else:
            self._console.print(f"\n{_padded(SUMMED_COLUMNS)}", style="bold", soft_wrap=True)
            for row in _summed(outcomes):
                self._console.print(_padded(row), soft_wrap=True)
            self._console.print("\n".join(self._words(outcomes, count, minutes)), soft_wrap=True)
        return count.faultless and (interrupted or not _never_served_again(outcomes))

    def _document(self, outcomes: list[Outcome], count: Count, minutes: float, interrupted: bool) -> dict[str, Any]:
        return {
            "line": self._line.line,
            "minutes": round(minutes, 2),
            "seed": self._seed,
            "machine": describe_machine(),
            "model": self._model,
            "deadline_ms": self._deadline_ms,
            **asdict(count),
            "worst_safe_after_ms": max(found.safe_after_ms for found in outcomes),
            "median_service_after_ms": _median_service(outcomes),
            "never_served_again": _never_served_again(outcomes),
            "not_possible": self.not_possible,
            "not_reached": self._not_reached(outcomes),
            "interrupted": interrupted,
            "faults": [_flat(found) for found in outcomes],
        }

    def _words(self, outcomes: list[Outcome], count: Count, minutes: float) -> list[str]:
        worst_ms = max(found.safe_after_ms for found in outcomes)
        service = _median_service(outcomes)
        return [
            f"{len(outcomes)} faults in {minutes:.1f} minutes, {count.parts} parts, seed {self._seed}, model"
            f" {self._model}.",
            f"Accepted uninspected: {count.uninspected_accepted} (must be 0). Defective and accepted because of a"
            f" fault: {count.defective_accepted} (must be 0). Ledger gaps: {count.ledger_gaps} (must be 0).",
            f"Never served again: {_never_served_again(outcomes)} (must be 0).",
            f"Safe again after {worst_ms:.0f} ms at worst (a part must be decided within {self._deadline_ms:.0f} ms);"
            f" in full service after {_or_dash(service)} ms in the median.",
            f"Defective parts that the model let pass, fault or no fault: {count.missed_by_model}.",
            *_surprises(outcomes),
            *self._left_out(outcomes),
        ]

    def _left_out(self, outcomes: list[Outcome]) -> Iterator[str]:
        if self.not_possible:
            yield "Not possible on this line or machine:"
            yield from (f"  {name}: {why}." for name, why in self.not_possible.items())
        if names := self._not_reached(outcomes):
            yield f"Not reached in this time (--minutes gives more): {', '.join(names)}."

    def _not_reached(self, outcomes: list[Outcome]) -> list[str]:
        known = {found.name for found in outcomes} | self.not_possible.keys()
        return [name for name in self._names if name not in known]

    @property
    def _deadline_ms(self) -> float:
        return min(self._line.deadline_ns(camera) for camera in self._line.cameras) / NS_PER_MS


def _never_served_again(outcomes: list[Outcome]) -> int:
    """After how many faults no part was accepted any more before the next one, or the end."""
    return sum(found.service_after_ms is None for found in outcomes)


def _surprises(outcomes: list[Outcome]) -> Iterator[str]:
    for found in outcomes:
        if found.service_after_ms is None:
            yield f"{found.name} ({found.detail}): the line never served again."
        elif not found.recovered:
            yield f"{found.name} ({found.detail}): not every station was back before the next fault."
        if found.restarts > found.name.startswith("kill_"):
            yield f"{found.name} ({found.detail}): {found.restarts} processes had to be started again."


def _flat(found: Outcome) -> dict[str, Any]:
    document = asdict(found)
    document |= document.pop("count")
    keys = [*KEYS_FIRST, *(key for key in document if key not in KEYS_FIRST)]
    return {key: round(document[key], 1) if isinstance(document[key], float) else document[key] for key in keys}


def _median_service(outcomes: list[Outcome]) -> float | None:
    served = [found.service_after_ms for found in outcomes if found.service_after_ms is not None]
    return round(statistics.median(served), 1) if served else None


def _cells(found: Outcome) -> tuple[str, ...]:
    count = found.count
    numbers = (found.parts_in_flight, *(getattr(count, key) for key in COUNTED))
    return (found.name, *map(str, numbers), f"{found.safe_after_ms:.0f}", _or_dash(found.service_after_ms))


def _summed(outcomes: list[Outcome]) -> Iterator[tuple[str, ...]]:
    """One row for each kind of fault."""
    for name in sorted({found.name for found in outcomes}):
        own = [found for found in outcomes if found.name == name]
        served_ms = [found.service_after_ms for found in own if found.service_after_ms is not None]
        sums = (sum(getattr(found.count, key) for found in own) for key in COUNTED)
        safe_ms = max(found.safe_after_ms for found in own)
        worst_ms = max(served_ms) if len(served_ms) == len(own) else None
        yield name, str(len(own)), *map(str, sums), f"{safe_ms:.0f}", _or_dash(_median_service(own)), _or_dash(worst_ms)


def _padded(cells: tuple[str, ...]) -> str:
    first, *others = zip(cells, WIDTHS, strict=False)
    return first[0].ljust(first[1]) + "".join(cell.rjust(width) for cell, width in others)


def _or_dash(number: float | None) -> str:
    return "-" if number is None else f"{number:.0f}"
