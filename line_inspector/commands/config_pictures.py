"""Whether a camera of pictures shows such as its frame ring takes: otherwise every part would be rejected."""

from pathlib import Path

from line_inspector.config import CameraSettings, FolderCamera, Line, LineTrigger
from line_inspector.errors import InputError
from line_inspector.images import list_images, read_image
from line_inspector.simulation.scenes import good_parts


def require_pictures_fit(line: Line) -> None:
    """Looks at the first picture of every camera of pictures; those of a real camera are known only when it shoots.

    Raises InputError for one that is too large, names the keys to set, and where there is none that can be read.
    """
    for name, camera in line.cameras.items():
        folder = _pictures(line, camera)
        if folder is not None:
            _require_fit(list_images(folder)[0], name, camera)


def _pictures(line: Line, camera: CameraSettings) -> Path | None:
    """What a folder camera shows: what the world puts before it, else its own folder."""
    if not isinstance(camera.source, FolderCamera):
        return None
    if line.simulation and line.simulation.images and isinstance(camera.trigger, LineTrigger):
        return good_parts(line.simulation.images)
    return camera.source.path


def _require_fit(path: Path, name: str, camera: CameraSettings) -> None:
    picture = read_image(path)
    height_px, width_px = picture.shape[:2]
    channels = picture.shape[2] if picture.ndim == 3 else 1
    keys = camera.keys_to_set(width_px, height_px, channels)
    if keys:
        what = (
            f"is a picture of {width_px} x {height_px} x {channels}, and camera {name} takes {camera.largest_frame}:"
            " every part would be rejected (bad_frame)"
        )
        remedy = ", ".join(f"{key}: {value}" for key, value in keys.items())
        raise InputError(what, str(path), f"Set {remedy} of cameras.{name}")
