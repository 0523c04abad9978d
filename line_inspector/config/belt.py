"""The conveyor."""

from pydantic import Field

from line_inspector.config.section import Section
from line_inspector.config.units import NS_PER_S


class EncoderSettings(Section):
    """An encoder on the belt, whose count comes with the stream encoder. Parts are then tracked by distance."""

    mm_per_count: float = Field(gt=0, le=1000, description="how far the belt goes in one count")


class BeltSettings(Section):
    """The conveyor that carries parts from camera to gate."""

    speed_mm_s: float = Field(ge=0.1, le=20_000, description="belt speed; with an encoder, the highest")
    encoder: EncoderSettings | None = Field(
        None, description="an encoder on the belt, whose speed may then change; without one it must not"
    )

    @property
    def ns_per_count(self) -> float:
        """Belt time of one count of the encoder: how long it takes at `speed_mm_s`, in nanoseconds."""
        return (self.encoder.mm_per_count if self.encoder else 0.0) / self.speed_mm_s * NS_PER_S
