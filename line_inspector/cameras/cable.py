"""The cable of a camera that has none: a file, which a test or `line-inspector chaos` takes away and puts back."""

from pathlib import Path

from line_inspector.cameras.camera import CameraFault


class Cable:
    """Plugged in while the file `path` is there; always, without a path."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def require(self) -> None:
        """Raises CameraFault (`camera_down`) when it is unplugged."""
        if self._path is not None and not self._path.exists():
            raise CameraFault("camera_down", f"the cable is unplugged: {self._path} is missing")
