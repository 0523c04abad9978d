"""pause_plc, restart_plc, jump_plc_clock: what befalls the PLC that drives the gate."""

from pathlib import Path

from line_inspector.chaos.fault import NotPossible
from line_inspector.chaos.victim import Victim
from line_inspector.simulation.plc_trouble import PlcState, Trouble, read_trouble, write_trouble

JUMPS_MS = (-60_000, -700, -250, -120, -50, 50, 120, 250, 700, 60_000)


class StopPlc:
    """The PLC is in another state for a while."""

    def __init__(self, victim: Victim, state: PlcState) -> None:
        self._told, self._state = victim.plc_trouble, state

    def inject(self) -> str:
        told = require_plc(self._told)
        write_trouble(told, Trouble(self._state, read_trouble(told).clock_shift_ms))
        return self._state.value

    def heal(self) -> None:
        if self._told:
            write_trouble(self._told, Trouble(PlcState.RUNNING, read_trouble(self._told).clock_shift_ms))


class JumpPlcClock:
    """The PLC's counter is another one all at once, and stays so; its program does not notice."""

    def __init__(self, victim: Victim) -> None:
        self._told, self._jump_ms = victim.plc_trouble, victim.rng.choice(JUMPS_MS)

    def inject(self) -> str:
        told = require_plc(self._told)
        write_trouble(told, Trouble(PlcState.RUNNING, read_trouble(told).clock_shift_ms + self._jump_ms))
        return f"{abs(self._jump_ms)} ms {'ahead' if self._jump_ms > 0 else 'back'}"

    def heal(self) -> None:
        """The line finds its way by itself."""


def require_plc(told: Path | None) -> Path:
    """The file that tells the PLC of its trouble. Raises NotPossible."""
    if told is None:
        raise NotPossible("the line's gate is not driven by a PLC: decision.gate.kind modbus or opcua")
    return told
