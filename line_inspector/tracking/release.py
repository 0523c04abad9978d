"""Accepts that are at the gate already: will the belt bring another part into their window after all?"""

from collections import deque
from dataclasses import dataclass

from line_inspector.tracking.belt import Belt


@dataclass(frozen=True)
class Release:
    """A window as the gate knows it, and the places between which, as far as is known, no other part lies."""

    start_ns: int
    end_ns: int
    free_from: int
    free_until: int


class Releases:
    """The windows that are not over, on a belt whose speed may change after they were told.

    `guard` is how near another part may come to the gate while a window is open, in belt time, beyond what the belt's
    place is uncertain by.
    """

    def __init__(self, guard: int) -> None:
        self._guard = guard
        self._open: deque[Release] = deque()

    def add(self, release: Release) -> None:
        """The gate has been told of this window."""
        self._open.append(release)

    def endangered(self, belt: Belt, now_ns: int) -> bool:
        """Whether, by the belt's present speed, a window would let another part pass; then all are forgotten."""
        while self._open and self._open[0].end_ns < now_ns:
            self._open.popleft()
        lost = bool(self._open) and bool(belt.unknown(now_ns))
        if not lost and not any(self._lets_pass(release, belt, now_ns) for release in self._open):
            return False
        self._open.clear()
        return True

    def clear(self) -> None:
        """The gate knows none any more."""
        self._open.clear()

    def _lets_pass(self, release: Release, belt: Belt, now_ns: int) -> bool:
        if release.end_ns < now_ns:
            return False
        first, last = belt.expected(max(release.start_ns, now_ns)), belt.expected(release.end_ns)
        if first is None or last is None:
            return True
        guard = self._guard + belt.uncertain(now_ns)
        return first < release.free_from + guard or last > release.free_until - guard
