"""The world of a simulated line."""

from pydantic import Field

from line_inspector.config.section import FilePath, Section
from line_inspector.config.trigger import SLOWEST_HZ


class SimulationSettings(Section):
    """The world: a conveyor, its triggers, and a record of which part fell into which bin."""

    rate_hz: float = Field(
        4, ge=SLOWEST_HZ, le=1000, description="parts per second on the belt, on average, per camera"
    )
    jitter: float = Field(0.2, ge=0, le=0.9, description="spacing varies by this share, uniformly")
    touching_share: float = Field(0, ge=0, le=1, description="share of parts that lie touching_mm behind the last")
    touching_mm: float = Field(1, gt=0, le=1000, description="how near a touching part lies to the one before it")
    gap_share: float = Field(0, ge=0, le=1, description="share of parts before which five others are missing")
    double_share: float = Field(0, ge=0, le=1, description="share of parts that trigger a camera twice")
    missing_share: float = Field(0, ge=0, le=1, description="share of parts that do not trigger a camera")
    speed_change_s: float | None = Field(
        None, gt=0, le=3600, description="the belt takes another speed, or stops, this often; steady when left out"
    )
    least_speed: float = Field(0.3, ge=0.05, le=1, description="slowest of these speeds, as a share of speed_mm_s")
    stop_share: float = Field(0.2, ge=0, le=0.9, description="share of these changes that stop the belt for a while")
    defective_share: float = Field(0.15, ge=0, le=1, description="share of defective parts")
    images: FilePath | None = Field(
        None, description="data set in MVTec AD layout to put on the belt; rendered parts when left out"
    )
    bin_missed_share: float = Field(
        0, ge=0, le=1, description="share of rejects that the reject bin's sensor does not see"
    )
    bin_capacity: int | None = Field(
        None, ge=1, le=1_000_000_000, description="rejects until the bin is full; never when left out"
    )
    seed: int = Field(0, ge=0, description="seed of everything random in the world")
