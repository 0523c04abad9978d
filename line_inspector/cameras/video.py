"""A video file in the place of a camera, decoded by OpenCV."""

from pathlib import Path

import cv2
import numpy as np

from line_inspector.cameras.camera import CameraFault
from line_inspector.errors import InputError
from line_inspector.images import Frame
from line_inspector.messages import Scene


class VideoCamera:
    """Gives the video's frames in order, one a shot; at the end it starts again (`loop`) or has no more.

    Raises InputError for a file that is missing or from which not even the first frame decodes.
    """

    def __init__(self, path: Path, loop: bool) -> None:
        self._path = path
        self._loop = loop
        if not path.is_file():
            raise InputError("no such video", str(path), "Check the path")
        self._capture = cv2.VideoCapture(str(path))
        self._waiting = self._decode()
        if self._waiting is None:
            self.close()
            raise InputError("not a video that can be read", str(path), "Replace the file, or convert it to MP4 or AVI")

    def shoot(self, scene: Scene) -> Frame:
        """The next frame, (H, W, 3) BGR. At the end of a video that does not loop: `no_frame`."""
        frame = self._waiting if self._waiting is not None else self._decode()
        self._waiting = None
        if frame is None and self._loop:
            self._capture.release()
            self._capture = cv2.VideoCapture(str(self._path))  # seeking back fails on some containers, opening does not
            frame = self._decode()
            if frame is None:
                raise CameraFault("camera_down", f"{self._path}: the video can no longer be read")
        if frame is None:
            raise CameraFault("no_frame", f"{self._path}: the video has ended")
        return frame

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _decode(self) -> Frame | None:
        good, picture = self._capture.read()
        return np.ascontiguousarray(picture, dtype=np.uint8) if good else None
