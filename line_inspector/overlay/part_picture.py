"""A part's picture on the page, or words where there is none: never the picture of another part."""

import time

from nicegui import ui

from line_inspector.overlay.state import NO_PICTURE
from line_inspector.overlay.view import PartView

LONGEST_LOAD_S = 2.0


class PartPicture:
    """An image element that follows a part and the heat map switch."""

    def __init__(self) -> None:
        with ui.element("div").classes("picture"):
            self._image = ui.element("img").props('alt="" draggable=false')
            self._missing = ui.label().classes("missing")
        self._source = ""
        self._asked_s = -LONGEST_LOAD_S
        self._image.on("load", self._loaded, args=[])
        self._image.on("error", self._loaded, args=[])

    @property
    def is_loading(self) -> bool:
        """Whether the browser still fetches the last picture. Asking for the next one now would cancel it, and on a
        slow connection no picture would ever arrive."""
        return time.monotonic() - self._asked_s < LONGEST_LOAD_S

    def show(self, part: PartView | None, *, heat: bool) -> None:
        """Shows the part with or without its heat map."""
        has_picture = part is not None and part.picture != NO_PICTURE
        self._missing.text = "" if has_picture else "No picture of this part" if part else "No picture yet"
        self._missing.visible = not has_picture
        self._image.visible = has_picture
        source = f"/picture/{part.picture}.{'marked' if heat else 'plain'}.jpg" if part and has_picture else ""
        if source == self._source:
            return
        self._source = source
        self._asked_s = time.monotonic() if source else -LONGEST_LOAD_S
        if part and source:
            self._image.props["alt"] = f"Part {part.part_id}: {part.verdict}, {part.reason}"
            self._image.props["src"] = source

    def _loaded(self) -> None:
        self._asked_s = -LONGEST_LOAD_S
