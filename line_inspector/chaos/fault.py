"""What every fault is."""

from dataclasses import dataclass
from typing import Protocol


class Fault(Protocol):
    """One thing that goes wrong. Made for one occasion: `inject` is called once, then `heal` once."""

    def inject(self) -> str:
        """Does it, and says in a few words what was done. Raises NotPossible."""
        ...

    def heal(self) -> None:
        """Undoes it; never raises, and does nothing where the line heals itself."""


class NotPossible(Exception):
    """The fault could not be done now; one line says why."""


@dataclass(frozen=True)
class Course:
    """How long a fault lasts, in seconds, from and to; 0 for a blow, which the line itself recovers from.

    While a fault `silences_gate`, the gate hears nothing of the line: it must reject everything once its heartbeat has
    timed out.
    """

    shortest_s: float = 0.0
    longest_s: float = 0.0
    silences_gate: bool = False
