"""The conveyor."""

from pydantic import Field

from line_inspector.config.section import Section


class BeltSettings(Section):
    """The conveyor that carries parts from camera to gate."""

    speed_mm_s: float = Field(ge=0.1, le=20_000, description="belt speed")
