"""The reject actuator."""

from typing import Literal

from pydantic import Field

from line_inspector.config.section import Section


class GateSettings(Section):
    """The reject actuator. It rests at reject; only the simulated gate exists so far."""

    kind: Literal["simulated"] = Field("simulated", description="kind of actuator")
    window_ms: float = Field(80, gt=0, le=10_000, description="how long a part may be before the gate, centred")
    heartbeat_timeout_ms: float = Field(  # at least three periods of the heartbeat, see streams.py
        250, ge=120, le=10_000, description="the gate rejects everything once decision has been silent this long"
    )
