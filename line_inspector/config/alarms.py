"""When something is an alarm; docs/alarms.md tells what each one means."""

from pydantic import Field, model_validator

from line_inspector.config.section import Section


class AlarmSettings(Section):
    """Bounds of the alarms (docs/alarms.md)."""

    rejects_in_row: int = Field(
        10, ge=2, le=100_000, description="rejects in a row, of one camera, that ask for a stop"
    )
    window_parts: int = Field(60, ge=2, le=100_000, description="latest parts of a camera among which rejects count")
    window_rejects: int = Field(40, ge=2, le=100_000, description="rejects among window_parts that ask for a stop")
    blind_after: int = Field(
        5,
        ge=2,
        le=10_000,
        description="pictures in a row that are black, white or one and the same, or faults of the camera, until it"
        " counts as blind; for one and the same, see also frames_differ of the camera",
    )
    slow_parts: int = Field(40, ge=10, le=100_000, description="latest parts among which late verdicts count")
    slow_share: float = Field(
        0.25, gt=0, le=1, description="share of slow_parts without a verdict in time: worker_slow"
    )
    hold_s: float = Field(
        2.0, ge=0, le=600, description="inference, gate or journal must be down for so long before it is an alarm"
    )
    ledger_hold_s: float = Field(5.0, ge=0, le=3600, description="as hold_s, for the ledger's database")
    bin_sensor: bool = Field(False, description="a sensor counts what falls into the reject bin; each reject must show")
    bin_fall_ms: float = Field(0, ge=0, le=60_000, description="time from gate to sensor; with an encoder <= 30000")
    bin_tolerance_ms: float = Field(
        500,
        ge=20,
        le=60_000,
        description="a reject that is not seen within this of its time is unconfirmed; with an encoder, of its place",
    )

    @model_validator(mode="after")
    def _the_window_can_hold_so_many(self) -> "AlarmSettings":
        if self.window_rejects > self.window_parts:
            raise ValueError(
                f"window_rejects is {self.window_rejects}, more than the {self.window_parts} parts of window_parts"
            )
        return self
