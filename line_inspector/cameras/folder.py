"""A folder of image files in the place of a camera."""

from itertools import cycle
from pathlib import Path

from line_inspector.cameras.cable import Cable
from line_inspector.cameras.camera import CameraFault
from line_inspector.errors import InputError
from line_inspector.images import Frame, list_images, read_image
from line_inspector.messages import Scene


class FolderCamera:
    """Gives the file that the scene names, or goes round its own folder in name order.

    Without a folder it shows only what the scene names. Raises InputError for a folder that is missing or empty.
    """

    def __init__(self, path: Path | None, cable: Path | None = None) -> None:
        self._cable = Cable(cable)
        self._round = cycle(list_images(path)) if path is not None else None

    def shoot(self, scene: Scene) -> Frame:
        """The next picture. A file that cannot be used is a `bad_frame`; the one after it is tried at the next shot."""
        self._cable.require()
        try:
            return read_image(self._next_file(scene))
        except InputError as e:
            raise CameraFault("bad_frame", str(e)) from e

    def close(self) -> None:
        """Nothing is held open between shots."""

    def _next_file(self, scene: Scene) -> Path:
        if scene.file:
            return Path(scene.file)
        if self._round is None:
            raise CameraFault("no_frame", "folder camera: no folder is configured and the scene names no file")
        return next(self._round)
