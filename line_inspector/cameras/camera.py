"""What every camera is to the capture station: something that gives one frame when asked, or says why not."""

from typing import Literal, Protocol

from line_inspector.images import Frame
from line_inspector.messages import Scene

FaultReason = Literal["bad_frame", "no_frame", "camera_down"]


class CameraFault(Exception):
    """One shot that gave no usable frame. The part is rejected under `reason`; the line goes on.

    `bad_frame`: pixels came and cannot be used. `no_frame`: none came in time. `camera_down`: the device is gone.
    `text` is one line for the log.
    """

    def __init__(self, reason: FaultReason, text: str) -> None:
        super().__init__(text)
        self.reason: FaultReason = reason
        self.text = text


class Camera(Protocol):
    """One camera. Constructors raise InputError for bad settings; after that only `CameraFault` leaves `shoot`."""

    def shoot(self, scene: Scene) -> Frame:
        """One frame, now: uint8 (H, W) mono or (H, W, 3) BGR, to be read until the next call. Raises CameraFault.

        `scene` is what lies before the lens in simulation; a real camera ignores it.
        """
        ...

    def close(self) -> None:
        """Release the device or file. Safe to call twice."""
        ...
