"""Pictures of known defects, held in memory: reading a file takes longer than a part has."""

import logging
from pathlib import Path

from line_inspector.errors import InputError
from line_inspector.images import Frame, list_images, read_image

MOST_FRAMES = 16

_log = logging.getLogger("known_defects")


class KnownDefects:
    """The first MOST_FRAMES pictures of `folder`, by name. One that cannot be read is logged, and is not there.

    A camera must go on without them: its parts are rejected by an alarm that names the picture, or not at all.
    """

    def __init__(self, folder: Path) -> None:
        self._frames: dict[str, Frame] = {}
        for name in names_of_known_defects(folder):
            try:
                self._frames[name] = read_image(folder / name)
            except InputError as e:
                _log.error("%s", e)

    def frame(self, name: str) -> Frame | None:
        """The picture; None for a name that was not there at the start."""
        return self._frames.get(name)


def known_defects(folder: Path) -> list[Path]:
    """Their files. Raises InputError where there is no folder, or nothing in it."""
    return list_images(folder)[:MOST_FRAMES]


def names_of_known_defects(folder: Path) -> list[str]:
    """Their names; an empty list where there are none: then no challenge is possible, which becomes an alarm."""
    try:
        return [path.name for path in known_defects(folder)]
    except InputError:
        return []
