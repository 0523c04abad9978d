"""Deadlines and policy."""

from pydantic import Field

from line_inspector.config.gate import GateSettings
from line_inspector.config.section import Section


class DecisionSettings(Section):
    """Deadlines and policy."""

    margin_ms: float = Field(40, ge=0, le=10_000, description="a decision must stand this long before the gate window")
    gate: GateSettings = GateSettings()
