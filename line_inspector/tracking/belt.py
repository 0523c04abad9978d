"""The belt as a clock of its own: belt time, which stands still when the belt does.

One nanosecond of belt time is the way that the belt goes in a nanosecond at `belt.speed_mm_s`. So distances on the
belt are belt times, whatever its speed is now, and a part is before the gate at the belt time of its trigger plus that
of its way.
"""

from typing import Protocol

NEVER_NS = 2**63 - 1


class Belt(Protocol):
    """Where the belt is at a moment, and when it will be at a place. Moments are CLOCK_MONOTONIC nanoseconds."""

    @property
    def steady(self) -> bool:
        """Whether what `when` says of the future stays true."""
        ...

    @property
    def since_ns(self) -> int:
        """From when on places are known."""
        ...

    @property
    def until_ns(self) -> int:
        """Until when places are known; later ones are estimated, and may come to be others."""
        ...

    def place(self, at_ns: int) -> int | None:
        """Belt time at that moment; None where it is not known."""
        ...

    def expected(self, at_ns: int) -> int | None:
        """Belt time at a moment to come, by the present speed; None where it is not known."""
        ...

    def when(self, place: int) -> int:
        """The moment at which belt time is `place`, by the present speed; NEVER_NS where it does not get there."""
        ...

    def uncertain(self, at_ns: int) -> int:
        """Within how many nanoseconds it is known when the belt was where `place` says that it was then."""
        ...

    def moved(self, at_ns: int) -> bool | None:
        """Whether the belt moved at that moment; None where that is not known yet."""
        ...

    def mistrust(self) -> None:
        """It moved while it was said to stand: nobody knows where it is, until what says so moves again."""

    def unknown(self, now_ns: int) -> str:
        """Why nobody knows where the belt is; empty while it is known."""
        ...


class TimedBelt:
    """A belt that always runs at `belt.speed_mm_s`: belt time is the clock's."""

    steady = True
    since_ns = -NEVER_NS
    until_ns = NEVER_NS

    def place(self, at_ns: int) -> int | None:
        """The moment itself."""
        return at_ns

    def expected(self, at_ns: int) -> int | None:
        """The moment itself."""
        return at_ns

    def when(self, place: int) -> int:
        """The moment itself."""
        return place

    def uncertain(self, at_ns: int) -> int:
        """Nothing is uncertain."""
        return 0

    def moved(self, at_ns: int) -> bool | None:
        """Always."""
        return True

    def mistrust(self) -> None:
        """There is no count that could be wrong."""

    def unknown(self, now_ns: int) -> str:
        """Never."""
        return ""
