"""cut_gate: neither heartbeat nor accepts reach the gate."""

from line_inspector.chaos.victim import Victim


class CutGate:
    """By chance, the ends see their connections break, or what was sent comes when the cable is back: too late."""

    def __init__(self, victim: Victim) -> None:
        self._wires = victim.wires
        self._breaks = victim.rng.random() < 0.5

    def inject(self) -> str:
        for wire in self._wires:
            if self._breaks:
                wire.cut()
            else:
                wire.hold()
        return "connections broken" if self._breaks else "bytes held back"

    def heal(self) -> None:
        for wire in self._wires:
            wire.mend()
