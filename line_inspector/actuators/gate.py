"""What every reject gate can do, whatever drives it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class BinReading:
    """What the sensor of the reject bin counts, modulo 2^16; `seen_ns` is when it counted last.

    Another `run` means that it counts from the beginning.
    """

    run: int
    count: int
    seen_ns: int
    full: bool


class Gate(Protocol):
    """Rests at reject: a part passes only on `accept` for it in its window, while `beat` is heard.

    No method waits, and none raises once the gate has been built.
    """

    @property
    def alive(self) -> bool:
        """False when the gate can do nothing any more and must be built again."""
        ...

    @property
    def accepting(self) -> bool:
        """False while an accept would lead nowhere, as far as is known."""
        ...

    def accept(self, part_id: str, camera: str, window_start_ns: int, window_end_ns: int) -> None:
        """Lets this very part pass while it is before the gate."""

    def recall(self) -> None:
        """Takes back every accept that might let another part pass than the one that it is for."""

    @property
    def bin_reading(self) -> BinReading | None:
        """What the reject bin's sensor was last heard to say; None before, and where there is none."""
        ...

    def beat(self, now_ns: int, prepared: bool, stop_requested: bool = False) -> None:
        """Keeps the gate in service. Called at every turn of the loop that decides, and from nowhere else.

        `prepared` says whether the line has what it takes to accept parts, `stop_requested` whether it should be
        stopped; the gate only shows both.
        """

    def next_beat_ns(self) -> int:
        """When `beat` has something to do next."""
        ...

    def safe(self) -> None:
        """Drives the gate to reject for good, at once; may be called again."""
