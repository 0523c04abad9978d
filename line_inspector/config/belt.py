"""The conveyor."""

from pydantic import Field, model_validator

from line_inspector.config.encoder import EncoderSettings, ModbusCounterSettings
from line_inspector.config.section import Section
from line_inspector.config.units import NS_PER_S

ROUND_IN_S = 0.5  # a count that goes round faster could do so unseen, or come back where it would be a wrap


class BeltSettings(Section):
    """The conveyor that carries parts from camera to gate."""

    speed_mm_s: float = Field(ge=0.1, le=20_000, description="belt speed; with an encoder, the highest")
    encoder: EncoderSettings | None = Field(
        None, description="an encoder on the belt, whose speed may then change; without one it must not"
    )

    @model_validator(mode="after")
    def _a_count_goes_round_slowly(self) -> "BeltSettings":
        source = self.encoder.source if self.encoder else None
        if isinstance(source, ModbusCounterSettings) and self.goes_round_too_fast(source.bits):
            raise ValueError(
                f"encoder: {source.bits} bits go round in less than {ROUND_IN_S:g} s at speed_mm_s, which could pass"
                " unseen; read 32 bits, or let the encoder count less"
            )
        return self

    @property
    def ns_per_count(self) -> float:
        """Belt time of one count of the encoder: how long it takes at `speed_mm_s`, in nanoseconds."""
        return (self.encoder.mm_per_count if self.encoder else 0.0) / self.speed_mm_s * NS_PER_S

    def goes_round_too_fast(self, bits: int) -> bool:
        """Whether a count of so many bits could go round between two readings, or nearly so."""
        return self.ns_per_count * (1 << bits) < ROUND_IN_S * NS_PER_S
