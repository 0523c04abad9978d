"""What makes a part."""

from typing import Annotated, Literal

from pydantic import Field

from line_inspector.config.section import Section

SLOWEST_HZ = 0.001


class RateTrigger(Section):
    """The capture station makes one part at every tick."""

    kind: Literal["rate"]
    rate_hz: float = Field(ge=SLOWEST_HZ, le=1000, description="parts per second")


class LineTrigger(Section):
    """Parts come from the line: here the simulated conveyor, which keeps each trigger until it is acknowledged."""

    kind: Literal["line"]


TriggerSource = Annotated[RateTrigger | LineTrigger, Field(discriminator="kind")]
