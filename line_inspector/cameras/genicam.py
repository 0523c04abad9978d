"""A GigE Vision or USB3 Vision camera through harvesters and its vendor's GenTL producer (GenICam, GenTL 1.6).

The camera either waits for our software trigger or runs freely; a camera wired to a hardware trigger is not supported,
because a frame that waits in its buffer cannot be told from the frame of the next part.
"""

import contextlib
import threading
import time

from line_inspector import config
from line_inspector.cameras.camera import CameraFault
from line_inspector.cameras.genicam_device import DeviceLost, GenicamDevice
from line_inspector.errors import InputError
from line_inspector.images import Frame
from line_inspector.messages import Scene

RECONNECT_PAUSE_S = 2.0


class GenicamCamera:
    """Shoots with one GenICam camera and looks for it again in the background after it was lost.

    Raises InputError where harvesters is not installed, the producer cannot be loaded, the camera is not there, or it
    refuses a setting.
    """

    def __init__(self, settings: config.GenicamCamera) -> None:
        self._settings = settings
        self._device: GenicamDevice | None = GenicamDevice(settings)
        self._search: threading.Thread | None = None
        self._searched_s = 0.0
        self._closed = threading.Event()

    def shoot(self, scene: Scene) -> Frame:
        """One frame exposed after this call (software trigger) or the next of a free-running camera.

        No whole frame within `fetch_timeout_ms`: `no_frame`. A lost camera: `camera_down`, at once, at every shot until
        it is found again. Pixels we cannot read: `bad_frame`.
        """
        device = self._device
        if device is None:
            self._search_again()
            raise CameraFault("camera_down", f"{self._settings.producer}: the camera is gone; looking for it again")
        try:
            frame = device.take()
        except DeviceLost as e:
            self._device = None
            device.close()
            raise CameraFault("camera_down", f"{device.name}: {e}") from e
        except ValueError as e:
            raise CameraFault("bad_frame", f"{device.name}: {e}") from e
        if frame is None:
            raise CameraFault("no_frame", f"{device.name}: no whole frame in {self._settings.fetch_timeout_ms} ms")
        return frame

    def close(self) -> None:
        """Stop acquisition and release the camera."""
        self._closed.set()
        if self._search is not None:
            self._search.join()
        if self._device is not None:
            self._device.close()
            self._device = None

    def _search_again(self) -> None:
        """Look for the camera in a thread of its own: discovery takes a second, and the next trigger will not wait."""
        busy = self._search is not None and self._search.is_alive()
        if busy or time.monotonic() - self._searched_s < RECONNECT_PAUSE_S:
            return
        self._searched_s = time.monotonic()
        self._search = threading.Thread(target=self._reopen, name="camera-search", daemon=True)
        self._search.start()

    def _reopen(self) -> None:
        with contextlib.suppress(InputError):  # still not there: the next shot but one asks again
            device = GenicamDevice(self._settings)
            if self._closed.is_set():
                device.close()
            else:
                self._device = device
