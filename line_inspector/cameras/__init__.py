"""Cameras: one small file per kind, all behind `Camera`."""

from line_inspector import config
from line_inspector.cameras.camera import Camera, CameraFault
from line_inspector.cameras.folder import FolderCamera
from line_inspector.cameras.simulated import SimulatedCamera
from line_inspector.cameras.video import VideoCamera
from line_inspector.errors import InputError

__all__ = ["Camera", "CameraFault", "build_camera"]


def build_camera(settings: config.CameraSource) -> Camera:
    """The camera that `settings` describe, open and ready to shoot. Raises InputError where it cannot be."""
    match settings:
        case config.FolderCamera():
            return FolderCamera(settings.path, settings.cable)
        case config.VideoCamera():
            return VideoCamera(settings.path, settings.loop)
        case config.SimulatedCamera():
            return SimulatedCamera(settings.product, settings.width_px, settings.height_px, settings.cable)
        case config.GenicamCamera():
            return _genicam(settings)


def _genicam(settings: config.GenicamCamera) -> Camera:
    try:
        from line_inspector.cameras.genicam import GenicamCamera
    except ImportError as e:
        remedy = 'Install the extra: pip install "line-inspector[genicam]"'
        raise InputError(f"GenICam support is not installed ({e})", "camera kind genicam", remedy) from e
    return GenicamCamera(settings)
