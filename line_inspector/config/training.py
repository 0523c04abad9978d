"""The nightly loop."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from line_inspector.config.section import Section


def _quoted(given: object) -> object:
    """Raises ValueError for a time without quotes: YAML reads 22:30 as minutes or seconds, to the base of 60."""
    if isinstance(given, int) and not isinstance(given, bool):
        hours, minutes = divmod(given, 60)
        time = f"{hours:02}:{minutes:02}" if 0 <= hours < 24 else "22:30"
        raise ValueError(f'YAML reads a time without quotes as a number, here {given}; write at: "{time}"')
    return given


class TrainingSettings(Section):
    """The nightly loop."""

    at: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$"), BeforeValidator(_quoted)] = Field(
        "02:30", description="time of day for the trainer, local time"
    )
    minutes: float = Field(30, gt=0, le=1440, description="training time")
    threads: int = Field(1, ge=1, le=256, description="CPU threads of the trainer")
    min_frames: int = Field(
        40,
        ge=10,
        le=1_000_000,
        description="fewest logged good frames to train on; a promise of 2 % takes about 135, whatever this says",
    )
    max_frames: int = Field(2000, ge=10, le=1_000_000, description="most logged good frames to train on, newest first")
    false_reject_rate: float | None = Field(
        None,
        gt=0,
        le=0.5,
        description="share of good parts rejected at most, or no new model; that of the model in service when left out",
    )

    @model_validator(mode="after")
    def _enough_frames_are_allowed(self) -> "TrainingSettings":
        if self.min_frames > self.max_frames:
            raise ValueError(f"min_frames is {self.min_frames}, more than max_frames, which is {self.max_frames}")
        return self
