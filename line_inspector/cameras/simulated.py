"""A camera over the simulated belt: renders what the scene says."""

from pathlib import Path

from line_inspector.cameras.cable import Cable
from line_inspector.cameras.camera import CameraFault
from line_inspector.cameras.renderer import check_product, render
from line_inspector.errors import InputError
from line_inspector.images import Frame
from line_inspector.messages import Scene


class SimulatedCamera:
    """Renders one part per shot, the same picture for the same scene. Raises InputError for an unknown product."""

    def __init__(self, product: str, width_px: int, height_px: int, cable: Path | None = None) -> None:
        check_product(product)
        self._cable = Cable(cable)
        self._width_px = width_px
        self._height_px = height_px
        render(0, "chip", width_px, height_px)  # makes every texture now, half a second that no part has to wait for

    def shoot(self, scene: Scene) -> Frame:
        """The part of `scene.seed` with `scene.defect`, (height_px, width_px, 3) BGR. Unknown defect: `bad_frame`."""
        self._cable.require()
        try:
            return render(scene.seed, scene.defect, self._width_px, self._height_px)[0]
        except InputError as e:
            raise CameraFault("bad_frame", str(e)) from e

    def close(self) -> None:
        """Nothing is held open."""
