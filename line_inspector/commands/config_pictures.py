"""Whether a camera of pictures shows such as its frame ring takes: otherwise every part would be rejected."""

from contextlib import suppress
from pathlib import Path

from line_inspector.config import CameraSettings, FolderCamera, Line, LineTrigger
from line_inspector.errors import InputError
from line_inspector.images import Frame, list_images, read_image
from line_inspector.simulation.scenes import good_parts


def require_pictures_fit(line: Line) -> None:
    """Looks at the first picture of every camera of pictures; those of a real camera are known only when it shoots.

    Raises InputError for one that is too large, which names the keys to set, and for a folder without pictures. One
    that cannot be read is passed over: the line rejects it by name, and goes on.
    """
    for name, camera in line.cameras.items():
        folder = _pictures(line, camera)
        found = _first_readable(folder) if folder is not None else None
        if found is not None:
            _require_fit(*found, name, camera)


def _first_readable(folder: Path) -> tuple[Path, Frame] | None:
    for path in list_images(folder):
        with suppress(InputError):
            return path, read_image(path)
    return None


def _pictures(line: Line, camera: CameraSettings) -> Path | None:
    """What a folder camera shows: what the world puts before it, else its own folder."""
    if not isinstance(camera.source, FolderCamera):
        return None
    if line.simulation and line.simulation.images and isinstance(camera.trigger, LineTrigger):
        return good_parts(line.simulation.images)
    return camera.source.path


def _require_fit(path: Path, picture: Frame, name: str, camera: CameraSettings) -> None:
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
