"""jump_clock: the wall clock of every station is wrong, then right again."""

from pathlib import Path

from line_inspector.chaos.victim import Victim

HOUR_NS = 3600 * 1_000_000_000
YEAR_NS = 365 * 24 * HOUR_NS
JUMPS = {
    "an hour ahead": HOUR_NS,
    "an hour back": -HOUR_NS,
    "ten years ahead": 10 * YEAR_NS,
    "ten years back": -10 * YEAR_NS,
}


class JumpClock:
    """The machine's own clock stays as it is: the stations are told to add an offset where they read it."""

    def __init__(self, victim: Victim) -> None:
        self._offset_file = victim.clock_offset
        self._jump = victim.rng.choice(list(JUMPS))

    def inject(self) -> str:
        set_clock_offset(self._offset_file, JUMPS[self._jump])
        return self._jump

    def heal(self) -> None:
        set_clock_offset(self._offset_file, 0)


def set_clock_offset(path: Path, offset_ns: int) -> None:
    """From now on, stations whose environment names this file add so much to the wall clock."""
    partial = path.with_suffix(".partial")
    partial.write_text(str(offset_ns))
    partial.replace(path)
