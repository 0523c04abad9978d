"""Known defects that the line must find, put in between its parts."""

from pydantic import Field

from line_inspector.config.section import FilePath, Section


class ChallengeSettings(Section):
    """Challenges: pictures of known defects, sent the way of every part (docs/alarms.md)."""

    frames: FilePath = Field(description="folder of pictures of known defects, in <recipe>/<camera>/")
    every_min: float = Field(
        60, ge=0.05, le=100_000, description="minutes between challenges, besides those at start, shift and new model"
    )
    overdue_s: float = Field(
        120, ge=1, le=100_000, description="a challenge that found no gap for so long is challenge_overdue"
    )
    retry_s: float = Field(5, ge=0.5, le=3600, description="pause before one that did not pass is repeated")
    loop_back: bool = Field(
        False,
        description="the simulated gate must be seen rejecting a challenge; takes alarms.bin_sensor and no encoder",
    )
    most_open: int = Field(
        0, ge=0, le=10_000, description="it goes in only while at most so many parts wait for their verdict"
    )
