"""The operators' page."""

from pydantic import Field

from line_inspector.config.section import Section


class OverlaySettings(Section):
    """The operators' page."""

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 shows the page to the whole network")
    port: int = Field(8080, ge=0, le=65_535, description="TCP port; 0 takes a free one and prints it")
    refresh_hz: float = Field(8, ge=0.1, le=60, description="pictures per second on the page")
