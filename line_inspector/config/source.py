"""Where a camera's frames come from: one section for each kind of camera."""

from typing import Annotated, Literal

from pydantic import Field

from line_inspector.config.section import FilePath, Name, Section


class CabledSection(Section):
    """A camera that is none, with a cable that can be unplugged all the same."""

    cable: FilePath | None = Field(
        None, description="a file that stands for its cable: while it is missing, every part is camera_down"
    )


class FolderCamera(CabledSection):
    """Images of a folder instead of a camera."""

    kind: Literal["folder"]
    path: FilePath | None = Field(None, description="folder of images; may be left out when the world names the files")


class VideoCamera(Section):
    """A video file, one frame per part, decoded by OpenCV."""

    kind: Literal["video"]
    path: FilePath = Field(description="video file")
    loop: bool = Field(True, description="start again at the end; otherwise the camera reports no_frame from then on")


class GenicamCamera(Section):
    """A GigE Vision or USB3 Vision camera through its vendor's GenTL producer. Needs the extra `genicam`."""

    kind: Literal["genicam"]
    producer: FilePath = Field(description="the GenTL producer, a .cti file of the camera's vendor")
    serial: str | None = Field(None, description="serial number of the camera; the first one found when left out")
    pixel_format: str | None = Field(None, description="GenICam PixelFormat, such as Mono8; as it is when left out")
    exposure_us: float | None = Field(None, gt=0, le=10_000_000, description="exposure time; as it is when left out")
    software_trigger: bool = Field(True, description="fire the camera's software trigger for each part")
    fetch_timeout_ms: int = Field(200, ge=1, le=60_000, description="longest wait for a frame after the trigger")


class SimulatedCamera(CabledSection):
    """Renders a product: varied pose, light and texture, and defects whose masks are known."""

    kind: Literal["simulated"]
    product: Name = Field("disc", description="what to render")
    width_px: int = Field(256, ge=64, le=4096, description="width of the frame")
    height_px: int = Field(256, ge=64, le=4096, description="height of the frame")


CameraSource = Annotated[FolderCamera | VideoCamera | GenicamCamera | SimulatedCamera, Field(discriminator="kind")]
