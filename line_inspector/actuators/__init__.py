"""Actuators that let good parts pass the reject gate. The gate's rest position is reject."""

from line_inspector.actuators.gate import Gate
from line_inspector.actuators.simulated import SimulatedGate
from line_inspector.bus import Bus
from line_inspector.config import GateSettings

__all__ = ["Gate", "build_gate"]


def build_gate(settings: GateSettings, bus: Bus) -> Gate:
    """The gate that `settings` describe, at rest."""
    match settings.kind:
        case "simulated":
            return SimulatedGate(bus)
