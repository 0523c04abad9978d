"""Deadlines and policy."""

from typing import Any

from pydantic import Field, field_validator

from line_inspector.config.gate import GateSettings, SimulatedGateSettings
from line_inspector.config.section import Section


class DecisionSettings(Section):
    """Deadlines and policy."""

    margin_ms: float = Field(40, ge=0, le=10_000, description="a decision must stand this long before the gate window")
    gate: GateSettings = Field(SimulatedGateSettings(), description="the reject actuator; it rests at reject")

    @field_validator("gate", mode="before")
    @classmethod
    def _simulated_when_left_out(cls, gate: Any) -> Any:
        return {"kind": "simulated", **gate} if isinstance(gate, dict) else gate
