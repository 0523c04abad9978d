"""unplug_camera: the cameras deliver nothing until they are plugged in again."""

from line_inspector.chaos.victim import Victim


class UnplugCamera:
    """Takes away the file that stands for the cable of every camera of the scratch line."""

    def __init__(self, victim: Victim) -> None:
        self._cable = victim.cable

    def inject(self) -> str:
        self._cable.unlink()
        return "cable out"

    def heal(self) -> None:
        self._cable.touch()
