"""What carries our values to a PLC and its values to us."""

import struct
from typing import Protocol

from line_inspector.actuators.plc_signals import Inputs, Outputs

DISCARD_ON_CLOSE = struct.pack("ii", 1, 0)  # for SO_LINGER: what a cut cable has held back is not delivered later


class WireFault(Exception):
    """The PLC does not answer, or not as it should. Its text is for people."""


class BadAnswer(WireFault):
    """The PLC answers, and refuses what it was asked for or has something else there. The connection stands."""


class Wire(Protocol):
    """One connection. Making it and using it waits for the PLC, `timeout_ms` at most, and raises WireFault."""

    def write(self, outputs: Outputs) -> None:
        """Writes every value, the result's number last."""

    def read(self) -> Inputs:
        """The PLC's values, all of one moment."""
        ...

    def safe(self) -> None:
        """Writes the rest position, in which the PLC rejects everything."""

    def close(self) -> None:
        """Ends the connection at once and throws away what has not been sent; never raises."""
