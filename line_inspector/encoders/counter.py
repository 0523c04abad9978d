"""What counts the belt's way: a number of so many bits that wraps."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class RawCount:
    """What the counter showed. `value` lies in 0 .. 2**bits - 1; it was read between two moments, in nanoseconds."""

    value: int
    bits: int
    asked_ns: int
    answered_ns: int


class Counter(Protocol):
    """One connection to a counter. Using it waits for the counter, `timeout_ms` at most."""

    def read(self) -> tuple[int, int]:
        """(value, bits). Raises WireFault, or BadAnswer where the connection stands."""
        ...

    def close(self) -> None:
        """Ends the connection at once; never raises."""
