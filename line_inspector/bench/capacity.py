"""The answer for people: how many cameras this machine serves."""

from collections.abc import Sequence
from dataclasses import dataclass

from line_inspector.bench.line_table import CameraRow


@dataclass(frozen=True)
class Capacity:
    """`cameras` at `rate_hz` parts per second each; 0 where not even one is served. `total_hz` is the most of all."""

    cameras: int
    rate_hz: float
    total_hz: float
    sentence: str


def capacity(rows: Sequence[CameraRow], rate_hz: float, recipe: str) -> Capacity:
    """How many cameras were served at `rate_hz` each, no more than were tried."""
    measured = [row for row in rows if row.highest_rate_hz]
    total_hz = max((row.highest_rate_hz or 0.0 for row in measured), default=0.0)
    cameras = max((min(row.cameras, int((row.highest_rate_hz or 0.0) / rate_hz)) for row in measured), default=0)
    return Capacity(cameras, rate_hz, total_hz, _sentence(cameras, rate_hz, total_hz, recipe, rows))


def _sentence(cameras: int, rate_hz: float, total_hz: float, recipe: str, rows: Sequence[CameraRow]) -> str:
    of = f"{rate_hz:g} parts/s of recipe {recipe}"
    if not total_hz:
        return f"This machine served no camera of recipe {recipe} without a late part: is it busy with something else?"
    if not cameras:
        return f"This machine does not serve a camera at {of}: without a late part it manages {total_hz:.2g} parts/s."
    plural = "s" if cameras > 1 else ""
    at_least = (
        " at least" if cameras == max(row.cameras for row in rows) and total_hz >= (cameras + 1) * rate_hz else ""
    )
    return f"This machine serves{at_least} {cameras} camera{plural} at {of}; {total_hz:.3g} parts/s in all at most."
