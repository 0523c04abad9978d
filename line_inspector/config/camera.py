"""One camera of the line."""

from typing import Literal

from pydantic import Field, model_validator

from line_inspector.config.section import Name, Section
from line_inspector.config.source import CameraSource, GenicamCamera
from line_inspector.config.trigger import SLOWEST_HZ, TriggerSource
from line_inspector.config.units import MS_PER_S, NS_PER_MS


class CameraSettings(Section):
    """One camera of the line, served by one capture process."""

    source: CameraSource = Field(description="where frames come from")
    trigger: TriggerSource = Field(description="what makes a part")
    to_gate_mm: float = Field(gt=0, le=100_000, description="belt distance from camera to reject gate")
    part: Name | None = Field(
        None, description="cameras with the same name here see the same part, which passes only if each calls it good"
    )
    part_length_mm: float = Field(
        0, ge=0, le=10_000, description="a trigger sooner than this after the last is the same part: double_trigger"
    )
    max_rate_hz: float = Field(
        20, ge=SLOWEST_HZ, le=1000, description="highest part rate; sizes the frame ring, bounds trigger_expiry_ms"
    )
    max_width_px: int = Field(1024, ge=16, le=16_384, description="widest frame; sizes the frame ring")
    max_height_px: int = Field(1024, ge=16, le=16_384, description="highest frame; sizes the frame ring")
    channels: Literal[1, 3] = Field(3, description="most channels a frame may have; sizes the frame ring")
    exact_size: bool = Field(False, description="reject a part (bad_frame) whose frame is not exactly the largest size")
    frames_differ: bool | None = Field(
        None,
        description="reject a part (repeated_frame) whose frame has the very pixels of the one before; left out: true"
        " for genicam, whose sensor's noise makes every frame another, false for the other kinds",
    )
    trigger_expiry_ms: float | None = Field(
        None,
        gt=0,
        description="a trigger older than this has no part before the lens: late_trigger; at most, and when left out,"
        " half the spacing of parts at max_rate_hz",
    )

    @model_validator(mode="after")
    def _expires_before_the_next_part(self) -> "CameraSettings":
        if self.trigger_expiry_ms is not None and self.trigger_expiry_ms > self._half_spacing_ms:
            raise ValueError(
                f"trigger_expiry_ms is {self.trigger_expiry_ms:g}, but later than {self._half_spacing_ms:g} ms, half"
                " the spacing of parts at max_rate_hz, the next part may be before the lens"
            )
        return self

    @property
    def largest_frame(self) -> str:
        """Which sizes its frames may have, in words."""
        rule = "exactly" if self.exact_size else "at most"
        return f"{rule} {self.max_width_px} x {self.max_height_px} x {self.channels}"

    def keys_to_set(self, width_px: int, height_px: int, channels: int) -> dict[str, int]:
        """The keys that keep a frame of this size out, with the values that would let it in; empty where it fits."""
        keys = {}
        for key, wanted, limit in (
            ("max_width_px", width_px, self.max_width_px),
            ("max_height_px", height_px, self.max_height_px),
        ):
            if wanted > limit or (self.exact_size and wanted != limit):
                keys[key] = wanted
        return keys if channels <= self.channels else {**keys, "channels": channels}

    @property
    def must_differ(self) -> bool:
        """Whether a frame that equals the one before can only be that one again, out of a buffer."""
        return isinstance(self.source, GenicamCamera) if self.frames_differ is None else self.frames_differ

    @property
    def trigger_expiry_ns(self) -> int:
        """How old a trigger may be for its own part to be before the lens, in nanoseconds."""
        expiry_ms = self._half_spacing_ms if self.trigger_expiry_ms is None else self.trigger_expiry_ms
        return int(expiry_ms * NS_PER_MS)

    @property
    def _half_spacing_ms(self) -> float:
        return MS_PER_S / self.max_rate_hz / 2
